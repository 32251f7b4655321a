//! Habit strength: a moving mean that halves in thirteen days of a daily habit, and slower where less
//! is expected.

use crate::model::progress::units::{State, Unit};

/// Days in which the strength of a daily habit halves.
const HALF_LIFE: f64 = 13.0;

/// How far it has become a habit, from 0 to 1: s' = s·m + v·(1 − m) for each expected unit, with
/// m = 0.5^(√f / 13), f the expected units a day, and v how much of the unit was done.
pub(super) fn strength(units: &[Unit]) -> f64 {
    let expected = units.iter().filter(|unit| unit.is_expected);
    expected.fold(0.0, |strength, unit| {
        let done = match (unit.share, unit.state) {
            (Some(share), _) | (None, State::Partial(Some(share))) => share.min(1.0),
            (None, State::Done) => 1.0,
            (None, State::LeftOut) => 0.0,
            // How much of it was done, nobody said.
            (None, State::Partial(None)) => return strength,
        };
        let kept = 0.5_f64.powf(unit.frequency.sqrt() / HALF_LIFE);
        strength * kept + done * (1.0 - kept)
    })
}
