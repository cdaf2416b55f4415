//! What keys are hashed with.

use core::hash::{Hash, Hasher};

use crate::Key;

/// SipHash (Aumasson and Bernstein 2012) under a secret of the store: clients choose the keys, and
/// whoever does not know the secret cannot choose keys that collide. In which order a hash puts them is
/// never seen.
#[derive(Clone)]
pub(crate) enum Secret {
    /// From the operating system: SipHash-1-3, as the maps of the standard library use it.
    // It differs from run to run, as it must, and nothing that is seen depends on it.
    #[cfg(feature = "std")]
    #[allow(clippy::disallowed_types)]
    Own(std::hash::RandomState),
    /// The caller's: SipHash-2-4.
    Given([u64; 2]),
}

impl Secret {
    /// A new one from the operating system, where there is one.
    pub(crate) fn random() -> Self {
        #[cfg(feature = "std")]
        #[allow(clippy::disallowed_types)]
        {
            Self::Own(std::hash::RandomState::new())
        }
        #[cfg(not(feature = "std"))]
        Self::Given([0x7175_6f72_6174_6521, 0x6964_656d_706f_7465])
    }

    /// Half of the hash: the most that an [`Index`](crate::index::Index) goes by.
    pub(super) fn hash(&self, name: &(impl Hash + ?Sized)) -> u32 {
        self.hash_whole(name) as u32
    }

    /// The hash, with a half that no [`Index`](crate::index::Index) goes by.
    pub(crate) fn hash_whole(&self, name: &(impl Hash + ?Sized)) -> u64 {
        match self {
            #[cfg(feature = "std")]
            Self::Own(state) => core::hash::BuildHasher::hash_one(state, name),
            // Deprecated in favour of a type of `std` that takes no key. It is what is left without `std`, and
            // saves a dependency.
            #[allow(deprecated)]
            Self::Given([first, second]) => {
                let mut hasher = core::hash::SipHasher::new_with_keys(*first, *second);
                name.hash(&mut hasher);
                hasher.finish()
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the keys share the place of another, in a table of 4,096.
    fn collisions(secret: &Secret, keys: &[Key]) -> usize {
        let places = keys.iter().map(|key| secret.hash(key) % 4_096);
        let places: alloc::collections::BTreeSet<_> = places.collect();
        keys.len() - places.len()
    }

    /// Keys that an attacker has chosen to share one place are like any others to who has another secret.
    #[test]
    fn trap_24_keys_that_collide_under_one_secret_do_not_under_another() {
        let known = Secret::Given([1, 2]);
        let chosen: alloc::vec::Vec<_> = (0..400_000)
            .map(|number| Key::new("tenant", &alloc::format!("{number}")).expect("a sound key"))
            .filter(|key| known.hash(key) % 4_096 == 7)
            .collect();
        assert!(chosen.len() > 50);
        assert_eq!(collisions(&known, &chosen), chosen.len() - 1);
        // About one pair in a hundred keys collides by chance.
        assert!(collisions(&Secret::Given([3, 4]), &chosen) < 20);
        assert!(collisions(&Secret::random(), &chosen) < 20);
    }
}
