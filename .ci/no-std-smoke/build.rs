//! Links without the start files and libraries of a hosted program, but for libc's entry point.
fn main() {
    println!("cargo:rustc-link-arg-bins=-lc");
}
