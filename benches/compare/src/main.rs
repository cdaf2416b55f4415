//! The same work on Quorate and on its rivals.

fn main() {}
