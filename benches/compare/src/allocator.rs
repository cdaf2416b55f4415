//! Settings of the system's allocator.

/// By default glibc gives memory back to the kernel when a log is cut, and faults it in again, page by page:
/// what large payloads cost then is decided by what happens to lie at the end of the heap, for one peer and
/// not for the other. So nobody gives any back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, &str); 3] = [
    ("MALLOC_TRIM_THRESHOLD_", "8589934592"),
    ("MALLOC_MMAP_THRESHOLD_", "33554432"),
    ("MALLOC_TOP_PAD_", "67108864"),
];

/// Starts this program anew with an allocator that keeps its memory, unless somebody has set it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn keep_memory() {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    if SETTINGS
        .iter()
        .any(|(name, _)| std::env::var_os(name).is_some())
    {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .envs(SETTINGS)
        .exec();
    eprintln!("the allocator keeps its defaults, which blurs large payloads: {error}");
}

/// Only glibc's has these settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_memory() {}
