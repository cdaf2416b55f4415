//! Each model as a type, so that the compiler knows the map too.

use super::{ConsistencyModel, table::for_each_model};

mod sealed {
    pub trait Sealed {}
}

/// A consistency model as a type.
///
/// ```
/// use quorate_consistency::choose::{Consistency, ConsistencyModel, types::Causal};
///
/// assert_eq!(Causal::MODEL, ConsistencyModel::Causal);
/// ```
pub trait Consistency: sealed::Sealed + Copy + 'static {
    /// The same model as data.
    const MODEL: ConsistencyModel;
}

/// A model that promises more than `W`, and all that `W` does.
///
/// ```compile_fail
/// use quorate_consistency::choose::{StrongerThan, types::*};
///
/// fn needs<M: StrongerThan<W>, W>() {}
/// needs::<Causal, Linearizable>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not promise all that `{W}` does, and more",
    label = "not stronger than `{W}`",
    note = "`ConsistencyModel::implies` is the map of what follows from what"
)]
pub trait StrongerThan<W>: Consistency {}

/// A model that replicas can keep while they are cut off from the others: sticky or totally available.
///
/// ```compile_fail
/// use quorate_consistency::choose::{AvailableInPartition, types::*};
///
/// fn needs<M: AvailableInPartition>() {}
/// needs::<Sequential>();
/// ```
#[diagnostic::on_unimplemented(
    message = "a replica that is cut off cannot keep `{Self}`",
    label = "not available in a partition",
    note = "`ConsistencyModel::availability` tells which models are"
)]
pub trait AvailableInPartition: Consistency {}

/// A model that is the same for all times: each but [`BoundedStaleness`], which needs its bound.
pub trait WithoutBound: Consistency {}

macro_rules! available {
    ($model:ident Unavailable) => {};
    ($model:ident Sticky) => {
        impl AvailableInPartition for $model {}
    };
    ($model:ident Total) => {
        impl AvailableInPartition for $model {}
    };
}

macro_rules! without_bound {
    (BoundedStaleness) => {};
    ($model:ident) => {
        impl WithoutBound for $model {}
    };
}

macro_rules! define {
    ($($model:ident {
        name $name:literal available $available:ident buys $buys:literal costs $costs:literal
        forbids $forbids:literal allows $allows:literal source $source:literal
        above [$($above:ident)*] so [$($so:ident)*]
    })*) => {
        $(
            #[doc = concat!($buys, ". (", $source, ".)")]
            ///
            #[doc = concat!("It costs ", $costs, ". It forbids ", $forbids, ", and allows ", $allows, ".")]
            #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
            pub struct $model;

            impl sealed::Sealed for $model {}
            impl Consistency for $model {
                const MODEL: ConsistencyModel = ConsistencyModel::$model;
            }
            $(impl StrongerThan<$above> for $model {})*
            $(impl StrongerThan<$so> for $model {})*
            available! { $model $available }
            without_bound! { $model }
        )*
    };
}

for_each_model!(define);
