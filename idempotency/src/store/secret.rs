//! What keys are hashed with.

use core::hash::{BuildHasher, Hash, Hasher};

use crate::Key;

/// SipHash (Aumasson and Bernstein 2012) under a secret of the store: clients choose the keys, and
/// whoever does not know the secret cannot choose keys that collide. In which order a hash puts them is
/// never seen.
#[derive(Clone, Copy)]
pub(super) struct Secret(pub(super) [u64; 2]);

impl Secret {
    /// A new one from the operating system, where there is one.
    pub(super) fn random() -> Self {
        #[cfg(feature = "std")]
        // It differs from run to run, as it must, and nothing that is seen depends on it.
        #[allow(clippy::disallowed_types)]
        {
            let random = std::hash::RandomState::new();
            Self([0, 1].map(|number: u64| random.hash_one(number)))
        }
        #[cfg(not(feature = "std"))]
        Self([0x7175_6f72_6174_6521, 0x6964_656d_706f_7465])
    }
}

// Deprecated in favour of a type of `std` that takes no key. It is what is left without `std`, does what
// is needed here, and saves a dependency.
#[allow(deprecated)]
impl BuildHasher for Secret {
    type Hasher = core::hash::SipHasher;

    fn build_hasher(&self) -> Self::Hasher {
        let Self([first, second]) = *self;
        core::hash::SipHasher::new_with_keys(first, second)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The length of the scope keeps its text and the name's apart.
        let (text, scope_len) = self.text_and_scope_len();
        state.write(text.as_bytes());
        state.write_u8(scope_len);
    }
}
