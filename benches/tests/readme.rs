//! What the README shows of code is code that is compiled.
// It reads the files.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::path::Path;

#[test]
fn the_code_in_the_readme_is_in_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let example = fs::read_to_string(root.join("raft-core/node/examples/embed.rs")).unwrap();
    let mut blocks = 0;
    for block in readme.split("```rust\n").skip(1) {
        let block = block.split("```").next().unwrap();
        // Indented in the example as it may be, and whole.
        let lines = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.trim().to_owned()).collect()
        };
        let (wanted, found) = (lines(block), lines(&example));
        assert!(
            found.windows(wanted.len()).any(|window| window == wanted),
            "not in the example:\n{block}"
        );
        blocks += 1;
    }
    assert!(blocks > 0, "the README shows no code");
}
