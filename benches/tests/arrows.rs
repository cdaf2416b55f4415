//! The architecture as a test: which package may depend on which, read from `cargo metadata`.
// It asks cargo.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// The packages of the workspace that each package may depend on, and nothing else.
const ARROWS: [(&str, &[&str]); 13] = [
    ("quorate-clocks", &[]),
    ("quorate-transport", &["quorate-clocks"]),
    ("quorate-consistency", &["quorate-clocks"]),
    (
        "quorate-raft-core",
        &["quorate-clocks", "quorate-transport"],
    ),
    ("quorate-leases", &["quorate-clocks", "quorate-transport"]),
    (
        "quorate-idempotency",
        &["quorate-clocks", "quorate-transport"],
    ),
    (
        "quorate-sim",
        &["quorate-clocks", "quorate-transport", "quorate-consistency"],
    ),
    ("quorate-tcp", &["quorate-clocks", "quorate-transport"]),
    (
        "quorate-raft-log",
        &["quorate-raft-core", "quorate-transport", "quorate-clocks"],
    ),
    (
        "quorate-raft-node",
        &[
            "quorate-raft-core",
            "quorate-raft-log",
            "quorate-transport",
            "quorate-clocks",
        ],
    ),
    (
        "quorate",
        &[
            "quorate-clocks",
            "quorate-transport",
            "quorate-consistency",
            "quorate-idempotency",
            "quorate-leases",
            "quorate-raft-core",
            "quorate-raft-log",
            "quorate-raft-node",
            "quorate-sim",
            "quorate-tcp",
        ],
    ),
    (
        "quorate-benches",
        &[
            "quorate-clocks",
            "quorate-transport",
            "quorate-consistency",
            "quorate-idempotency",
            "quorate-leases",
            "quorate-raft-core",
        ],
    ),
    (
        "quorate-compare",
        &[
            "quorate-benches",
            "quorate-clocks",
            "quorate-consistency",
            "quorate-idempotency",
            "quorate-transport",
            "quorate-raft-core",
        ],
    ),
];

/// What a pure crate may depend on besides the workspace. Nothing here does I/O.
const PURE: [(&str, &[&str]); 6] = [
    // rustix only behind `system-clock`, which reads the clock and nothing else.
    ("quorate-clocks", &["rustix", "serde"]),
    ("quorate-transport", &["bytes", "crc32fast"]),
    ("quorate-raft-core", &["bytes"]),
    ("quorate-consistency", &["bytes", "serde", "serde_json"]),
    // parking_lot only behind `shared`: locks, which threads of a process wait for, and nothing else.
    (
        "quorate-idempotency",
        &["blake3", "bytes", "parking_lot", "serde"],
    ),
    ("quorate-leases", &["bytes", "hashbrown", "serde"]),
];

/// Packages that the tree of a pure crate may show with default features, itself included.
const MAX_PURE_TREE: usize = 9;

fn packages() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command
        .no_deps()
        .other_options(["--offline".to_owned(), "--locked".to_owned()]);
    command
        .exec()
        .expect("cargo metadata runs in this workspace")
        .packages
}

fn dependencies(package: &Package, kind: DependencyKind) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == kind)
        .map(|dependency| dependency.name.as_str())
        .collect()
}

#[test]
fn every_package_is_drawn_and_every_arrow_is_allowed() {
    let allowed: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let packages = packages();
    let found: BTreeSet<_> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(
        found,
        allowed.keys().copied().collect(),
        "draw the arrows of a new package"
    );
    for package in &packages {
        for kind in [
            DependencyKind::Normal,
            DependencyKind::Development,
            DependencyKind::Build,
        ] {
            for to in dependencies(package, kind) {
                // Anything may be tested in the simulator.
                let test = kind == DependencyKind::Development && to == "quorate-sim";
                assert!(
                    !found.contains(to) || test || allowed[package.name.as_str()].contains(&to),
                    "{} must not depend on {to} ({kind:?})",
                    package.name
                );
            }
        }
    }
}

#[test]
fn pure_crates_depend_on_nothing_that_does_io() {
    let pure: BTreeMap<_, _> = PURE.into_iter().collect();
    let packages = packages();
    for package in packages
        .iter()
        .filter(|package| pure.contains_key(package.name.as_str()))
    {
        let outside = dependencies(package, DependencyKind::Normal)
            .into_iter()
            .filter(|name| !name.starts_with("quorate"));
        for name in outside {
            assert!(
                pure[package.name.as_str()].contains(&name),
                "{} is pure and must not depend on {name}",
                package.name
            );
        }
        assert!(
            dependencies(package, DependencyKind::Build).is_empty(),
            "{} is pure and needs no build script's dependency",
            package.name
        );
    }
}

#[test]
fn the_simulator_is_a_path_without_a_version_for_the_crates_it_tests() {
    for package in packages() {
        for dependency in &package.dependencies {
            if dependency.name == "quorate-sim" && dependency.kind == DependencyKind::Development {
                assert_eq!(
                    dependency.req.to_string(),
                    "*",
                    "{} could not be published with a version on quorate-sim",
                    package.name
                );
            }
        }
    }
}

#[test]
fn the_tree_of_a_pure_crate_stays_small() {
    for (name, _) in PURE {
        let output = std::process::Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "--prefix",
                "none",
                "--edges",
                "normal",
            ])
            .args(["--package", name])
            .output()
            .expect("cargo tree runs in this workspace");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let tree: BTreeSet<&str> = lines
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(
            tree.len() <= MAX_PURE_TREE,
            "{name} pulls in {}: {tree:?}",
            tree.len()
        );
    }
}
