//! What states are made of: sequences, texts and maps that share what they have in common.
//!
//! A search keeps every state that it meets. With these a new state costs what has changed, to compare
//! two costs what they do not share, and their hashes are kept and not computed again.

mod chain;
mod hash;
mod map;
mod text;
mod tree;
mod window;

pub(super) use map::Map;
pub(super) use text::Text;
pub(super) use tree::Tree;
pub(super) use window::Window;
