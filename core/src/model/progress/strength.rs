//! Habit strength: a moving mean that halves in thirteen days of a daily habit, and slower where less
//! is expected.

use crate::model::progress::units::Unit;

/// Days in which the strength of a daily habit halves.
const HALF_LIFE: f64 = 13.0;

/// How far it has become a habit after one more unit, from 0 to 1: s' = s·m + v·(1 − m) for each
/// expected one, with m = 0.5^(√f / 13), f the expected units a day, and v how much of the unit was
/// done. Where nobody said how much, it stays.
pub(super) fn after(strength: f64, unit: &Unit) -> f64 {
    match unit.judged.share.filter(|_| unit.judged.is_expected) {
        Some(done) => {
            let kept = 0.5_f64.powf(unit.frequency.sqrt() / HALF_LIFE);
            strength * kept + done * (1.0 - kept)
        }
        None => strength,
    }
}
