//! Guarded data, and the fence that guards it, in one.

use core::fmt;

use super::weakness::{Weakness, weak};
use super::{Armed, Fence, Raised, ResourceId, Stale, WrongResource};
use crate::{FencingToken, Mode};

/// Data that nobody gets at past its fence.
///
/// The mark is stored with the data, and the check is one step with the effect: both are in one value,
/// behind one `&mut`, in one transaction if the two [`parts`](Self::parts) are saved in one. Nothing is
/// read or written without an [`Armed`] token of *this* resource, and every use is checked again.
///
/// ```
/// use quorate_leases::{Fenced, FencingToken, Mode, ResourceId};
///
/// let mut account = Fenced::new(ResourceId(7), 70_u64);
/// // Ann's lease: raise, read, write.
/// let ann = account.raise(FencingToken(33), Mode::Exclusive)?.arm(FencingToken(33))?;
/// let read = *account.read(&ann)?;
/// // Here she stands still. Bob raises.
/// let bob = account.raise(FencingToken(34), Mode::Exclusive)?.arm(FencingToken(34))?;
/// *account.write(&bob)? += 5;
/// // Ann is back, and would write what she has computed from what she has read.
/// assert!(account.write(&ann).map(|balance| *balance = read - 70).is_err());
/// assert_eq!(account.parts().1, &75);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Fenced<D> {
    resource: ResourceId,
    fence: Fence,
    data: D,
}

impl<D> Fenced<D> {
    /// New data that nobody has held yet.
    pub const fn new(resource: ResourceId, data: D) -> Self {
        Self::restore(resource, Fence::new(), data)
    }

    /// The data and the fence that were saved together.
    pub const fn restore(resource: ResourceId, fence: Fence, data: D) -> Self {
        Self {
            resource,
            fence,
            data,
        }
    }

    /// Which resource this is.
    pub const fn resource(&self) -> ResourceId {
        self.resource
    }

    /// As [`Fence::raise_at`]. Save the mark before the receipt is handed out.
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen that does not go together with it.
    pub fn raise(&mut self, token: FencingToken, mode: Mode) -> Result<Raised, Stale> {
        self.fence.raise_at(self.resource, token, mode)
    }

    /// The data, to be read by a holder of either mode.
    ///
    /// # Errors
    ///
    /// [`UseError`]: the token was raised elsewhere, or is stale.
    pub fn read<T>(&mut self, armed: &Armed<T>) -> Result<&D, UseError> {
        self.check(armed)?;
        Ok(&self.data)
    }

    /// The data, to be written by an exclusive holder. Save both [parts](Self::parts) together.
    ///
    /// # Errors
    ///
    /// [`UseError`]: the token was raised elsewhere, is stale, or is a reader's.
    pub fn write<T>(&mut self, armed: &Armed<T>) -> Result<&mut D, UseError> {
        if armed.mode() == Mode::Shared && !weak(Weakness::ReaderWrites) {
            let token = armed.raised().token();
            return Err(UseError::SharedWrites { token });
        }
        self.check(armed)?;
        Ok(&mut self.data)
    }

    /// What has to be saved, in one transaction.
    pub const fn parts(&self) -> (&Fence, &D) {
        (&self.fence, &self.data)
    }

    fn check<T>(&mut self, armed: &Armed<T>) -> Result<(), UseError> {
        let token = armed.at(self.resource).map_err(UseError::WrongResource)?;
        if weak(Weakness::ArmedForEver) {
            return Ok(());
        }
        // It was raised. But where a mark was lost since, it is raised again.
        let checked = self.fence.check_and_raise_as(token, armed.mode());
        checked.map_err(UseError::Stale)
    }
}

/// Why a holder was not let at the data.
///
/// ```
/// use quorate_leases::{Fenced, FencingToken, Mode, ResourceId, UseError};
///
/// let mut page = Fenced::new(ResourceId(7), "draft");
/// let reader = page.raise(FencingToken(33), Mode::Shared)?.arm(FencingToken(33))?;
/// assert_eq!(page.read(&reader), Ok(&"draft"));
/// let refused = page.write(&reader).unwrap_err();
/// assert_eq!(refused, UseError::SharedWrites { token: FencingToken(33) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UseError {
    /// A newer holder has been here.
    Stale(Stale),
    /// The token was raised at another resource.
    WrongResource(WrongResource),
    /// The lease is shared, so others read what would be written.
    SharedWrites {
        /// The number of the grant.
        token: FencingToken,
    },
}

impl fmt::Display for UseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(stale) => stale.fmt(f),
            Self::WrongResource(wrong) => wrong.fmt(f),
            Self::SharedWrites { token } => write!(
                f,
                "token {token} is of a shared lease, under which nothing is written: acquire it exclusively"
            ),
        }
    }
}

impl core::error::Error for UseError {}
