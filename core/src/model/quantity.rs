//! Amounts as whole thousandths of their unit, so that sums are exact and equal on every device.

use minicbor::{Decode, Encode};

/// An amount: minutes, steps, kilometres. Zero or more, to the thousandth.
#[derive(Clone, Copy, Debug, Decode, Default, Encode, Eq, Ord, PartialEq, PartialOrd)]
#[cbor(transparent)]
pub(crate) struct Quantity(#[n(0)] u64);

impl Quantity {
    /// The largest amount, in whole units.
    pub(crate) const LIMIT: u32 = 1_000_000_000;

    /// An amount of a unit. `None` if it is negative, over the limit, not a number, or finer than
    /// a thousandth.
    pub(crate) fn new(amount: f64) -> Option<Self> {
        if !(0.0..=f64::from(Self::LIMIT)).contains(&amount) {
            return None;
        }
        let thousandths = (amount * 1000.0).round();
        // What an f64 cannot hold exactly (0.1) is off by far less than this.
        if (amount * 1000.0 - thousandths).abs() > 1e-3 {
            return None;
        }
        // Whole, and at most 10^12: the conversion is exact.
        Some(Self(thousandths as u64))
    }

    /// Whether it is in the range of [`Self::new`], for amounts that were read.
    pub(crate) fn in_range(self) -> bool {
        self.0 <= u64::from(Self::LIMIT) * 1000
    }

    /// The sum, stopping at the end of the range.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Whether it is nothing.
    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The amount in units.
    pub(crate) fn amount(self) -> f64 {
        // Exact up to 2^53 thousandths, which is nine million times the limit of one entry.
        self.0 as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_drift() {
        let tenth = Quantity::new(0.1).unwrap();
        let sum = (0..10).fold(Quantity::default(), |sum, _| sum.plus(tenth));
        assert_eq!(Some(sum), Quantity::new(1.0));
        assert_eq!(sum.amount().to_string(), "1");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for wrong in [-0.001, f64::NAN, f64::INFINITY, 1_000_000_001.0, 0.0005] {
            assert_eq!(Quantity::new(wrong), None, "{wrong}");
        }
        assert_eq!(
            Quantity::new(999_999_999.999).map(Quantity::amount),
            Some(999_999_999.999)
        );
    }
}
