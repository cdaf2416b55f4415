//! The map of consistency models: which there are, which follows from which, and what a partition does to
//! each.

mod set;
mod table;
pub mod types;

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

pub use set::Models;
use table::for_each_model;

/// What becomes of a model's guarantees while the network is cut.
///
/// Bailis et al., "Highly Available Transactions: Virtues and Limitations" (VLDB 2013), section 4.
///
/// ```
/// use quorate_consistency::choose::{Availability, ConsistencyModel};
///
/// assert_eq!(ConsistencyModel::Causal.availability(), Availability::Sticky);
/// assert!(Availability::Sticky.survives_partition());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Availability {
    /// Some replicas, or all of them, have to refuse.
    Unavailable,
    /// Every replica can answer, as long as each client stays with the replica, or the side of the
    /// partition, that it was at before.
    Sticky,
    /// Every replica that works can answer every client.
    Total,
}

impl Availability {
    /// Whether a replica that is cut off may go on answering.
    pub const fn survives_partition(self) -> bool {
        !matches!(self, Self::Unavailable)
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "unavailable",
            Self::Sticky => "sticky available",
            Self::Total => "totally available",
        })
    }
}

/// What the table says of one model.
struct Row {
    name: &'static str,
    availability: Availability,
    buys: &'static str,
    costs: &'static str,
    forbids: &'static str,
    allows: &'static str,
    source: &'static str,
    above: &'static [ConsistencyModel],
    weaker: Models,
}

macro_rules! menu {
    ($($model:ident {
        name $name:literal available $available:ident buys $buys:literal costs $costs:literal
        forbids $forbids:literal allows $allows:literal source $source:literal
        above [$($above:ident)*] so [$($so:ident)*]
    })*) => {
        concat!(
            "| Model | Buys | Costs | Forbids | Still allows | In a partition |\n|---|---|---|---|---|---|\n",
            $("| `", $name, "` | ", $buys, " | ", $costs, " | ", $forbids, " | ", $allows, " | ",
                stringify!($available), " |\n",)*
        )
    };
}

macro_rules! define {
    ($($model:ident {
        name $name:literal available $available:ident buys $buys:literal costs $costs:literal
        forbids $forbids:literal allows $allows:literal source $source:literal
        above [$($above:ident)*] so [$($so:ident)*]
    })*) => {
        /// A consistency model: a promise about what a read may show.
        ///
        /// The models are not a line from strong to weak, but a map with side roads: bounded staleness
        /// and causality promise different things, and neither follows from the other.
        /// [`implies`](Self::implies) is the map. For each model as a type, so that a policy can be checked
        /// when it is compiled, see [`types`].
        ///
        #[doc = for_each_model!(menu)]
        ///
        /// Where the sources differ, the map and the availability are those of Elle and of Bailis et
        /// al.; models that only concern transactions sit beside those of single operations.
        ///
        /// ```
        /// use quorate_consistency::choose::ConsistencyModel::{self, *};
        ///
        /// assert!(Linearizable.implies(Causal));
        /// assert!(!Causal.implies(BoundedStaleness) && !BoundedStaleness.implies(Causal));
        /// assert_eq!("snapshot-isolation".parse(), Ok(SnapshotIsolation));
        ///
        /// // What can be had from a replica that is cut off, and of that the strongest?
        /// let mut best = ConsistencyModel::ALL.iter().filter(|model| model.availability().survives_partition());
        /// assert!(best.any(|&model| model == Causal));
        /// println!("{}: {}; it costs {}", Causal, Causal.buys(), Causal.costs());
        /// ```
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum ConsistencyModel {
            $(
                #[doc = concat!($buys, ". (", $source, ".)")]
                $model,
            )*
        }

        impl ConsistencyModel {
            /// All of them, each after those that it follows from.
            pub const ALL: &'static [Self] = &[$(Self::$model),*];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$model => const { &Row {
                        name: $name,
                        availability: Availability::$available,
                        buys: $buys,
                        costs: $costs,
                        forbids: $forbids,
                        allows: $allows,
                        source: $source,
                        above: &[$(Self::$above),*],
                        weaker: Models::NONE$(.with_only(Self::$above))*$(.with_only(Self::$so))*,
                    } },)*
                }
            }
        }
    };
}

for_each_model!(define);

impl ConsistencyModel {
    /// The name, in lower case with hyphens, which [`FromStr`] reads.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// What becomes of it under a partition.
    pub const fn availability(self) -> Availability {
        self.row().availability
    }

    /// What whoever reads can rely on, in a sentence.
    pub const fn buys(self) -> &'static str {
        self.row().buys
    }

    /// What it takes to keep it.
    pub const fn costs(self) -> &'static str {
        self.row().costs
    }

    /// Which surprises it rules out.
    pub const fn forbids(self) -> &'static str {
        self.row().forbids
    }

    /// Which surprises are left.
    pub const fn allows(self) -> &'static str {
        self.row().allows
    }

    /// Where it is defined.
    pub const fn source(self) -> &'static str {
        self.row().source
    }

    /// The models directly below it on the map.
    pub const fn directly_implies(self) -> &'static [Self] {
        self.row().above
    }

    /// Whether whatever keeps this one keeps `other` as well. Each model implies itself.
    pub const fn implies(self, other: Self) -> bool {
        self as u8 == other as u8 || self.row().weaker.contains(other)
    }
}

impl fmt::Display for ConsistencyModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no consistency model.
///
/// ```
/// use quorate_consistency::choose::ConsistencyModel;
///
/// let error = "strong".parse::<ConsistencyModel>().unwrap_err();
/// assert!(error.to_string().starts_with("\"strong\" is no consistency model; write one of strict-serializable, "));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ModelParseError {
    /// The text, cut to its first characters.
    pub found: String,
}

impl fmt::Display for ModelParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no consistency model; write one of ", self.found)?;
        for (at, model) in ConsistencyModel::ALL.iter().enumerate() {
            write!(f, "{}{model}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl core::error::Error for ModelParseError {}

impl FromStr for ConsistencyModel {
    type Err = ModelParseError;

    fn from_str(text: &str) -> Result<Self, ModelParseError> {
        let named = Self::ALL.iter().find(|model| model.name() == text);
        named.copied().ok_or_else(|| ModelParseError {
            found: crate::level::excerpt(text),
        })
    }
}

#[cfg(feature = "serde")]
mod as_text {
    use super::ConsistencyModel;

    impl serde::Serialize for ConsistencyModel {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str(self.name())
        }
    }

    impl<'de> serde::Deserialize<'de> for ConsistencyModel {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = <alloc::string::String as serde::Deserialize>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ConsistencyModel::*;
    use super::*;
    use alloc::string::ToString;
    use std::collections::BTreeSet;

    /// What can be reached along the edges, found without the lists that are being tested.
    fn reached(from: ConsistencyModel) -> BTreeSet<ConsistencyModel> {
        let mut reached = BTreeSet::new();
        let mut next = alloc::vec![from];
        while let Some(model) = next.pop() {
            for &below in model.directly_implies() {
                if reached.insert(below) {
                    next.push(below);
                }
            }
        }
        reached
    }

    #[test]
    fn what_is_implied_is_what_can_be_reached() {
        for &model in ConsistencyModel::ALL {
            let reached = reached(model);
            assert!(!reached.contains(&model), "{model} is below itself");
            for &other in ConsistencyModel::ALL {
                let expected = model == other || reached.contains(&other);
                assert_eq!(model.implies(other), expected, "{model} to {other}");
            }
        }
    }

    #[test]
    fn no_edge_follows_from_others() {
        for &model in ConsistencyModel::ALL {
            for below in model.directly_implies() {
                let others = model
                    .directly_implies()
                    .iter()
                    .filter(|other| *other != below);
                for other in others {
                    assert!(!other.implies(*below), "{model} to {below} by {other}");
                }
            }
        }
    }

    #[test]
    fn the_weaker_is_never_less_available() {
        for &model in ConsistencyModel::ALL {
            for &below in model.directly_implies() {
                assert!(model.availability() <= below.availability(), "{below}");
            }
        }
    }

    /// The borders that the literature draws: at or above each of these nothing survives a partition, and
    /// at or above read-your-writes nothing is total.
    #[test]
    fn the_borders_of_availability_are_the_known_ones() {
        for &model in ConsistencyModel::ALL {
            for border in [CursorStability, SnapshotIsolation, Sequential] {
                if model.implies(border) {
                    assert_eq!(model.availability(), Availability::Unavailable, "{model}");
                }
            }
            if model.implies(ReadYourWrites) {
                assert_ne!(model.availability(), Availability::Total, "{model}");
            }
        }
        for total in [
            ReadCommitted,
            MonotonicAtomicView,
            ReadAtomic,
            MonotonicReads,
            Eventual,
        ] {
            assert_eq!(total.availability(), Availability::Total);
        }
        for sticky in [ReadYourWrites, Pram, Causal, RealTimeCausal] {
            assert_eq!(sticky.availability(), Availability::Sticky);
        }
    }

    #[test]
    fn the_map_has_its_side_roads() {
        for (one, other) in [
            (Serializable, Linearizable),
            (SnapshotIsolation, RepeatableRead),
            (Causal, BoundedStaleness),
            (ReadYourWrites, MonotonicReads),
            (ParallelSnapshotIsolation, Prefix),
        ] {
            assert!(!one.implies(other) && !other.implies(one), "{one}, {other}");
        }
        for &model in ConsistencyModel::ALL {
            assert!(model.implies(Eventual) && StrictSerializable.implies(model));
        }
    }

    #[cfg(feature = "json")]
    #[test]
    fn serde_uses_the_names() {
        let text = serde_json::to_string(&ReadYourWrites).unwrap();
        assert_eq!(text, "\"read-your-writes\"");
        assert_eq!(
            serde_json::from_str::<ConsistencyModel>(&text).unwrap(),
            ReadYourWrites
        );
    }

    #[test]
    fn names_are_read_back() {
        for &model in ConsistencyModel::ALL {
            assert_eq!(model.to_string().parse(), Ok(model));
        }
        assert!("Linearizable".parse::<ConsistencyModel>().is_err());
    }
}
