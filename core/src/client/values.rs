//! Which values check-ins served.

use chrono::NaiveDate;

use super::{PlanId, Progress, WaymarkError};
use crate::model::{ValuesReport, values_report};

impl Progress<'_> {
    /// Which values the check-ins between two dates served, both included, and to what share.
    ///
    /// # Errors
    /// `not_found`, or the storage's; `invalid_input` where the range is longer than ten years.
    pub fn values(
        &self,
        plan: PlanId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<ValuesReport, WaymarkError> {
        let (folded, logs) = self.0.seen(plan, from, to)?;
        Ok(values_report(&folded, &logs, &(from..=to)))
    }
}

#[cfg(test)]
mod tests {
    use crate::client::testing::{Phone, day};
    use crate::model::{CheckInReason, NewCheckIn, Outcome, Value};

    /// What somebody acted for would not be found again.
    #[test]
    fn what_a_check_in_was_for_is_counted() {
        let phone = Phone::new();
        let goal = phone.goal("Call my sister");
        let family = Value {
            name: "Family".into(),
            importance: 9,
            meaning: None,
        };
        let items = phone.client.items();
        let family = items.add(phone.plan, family).unwrap();
        let mut check_ins = Vec::new();
        for _ in 0..2 {
            phone.clock.advance(1_000);
            let check_in = NewCheckIn::new(goal, Outcome::Done);
            let logged = phone.client.check_ins().log(phone.plan, &check_in);
            check_ins.push(logged.unwrap());
        }
        let reason = CheckInReason {
            check_in: check_ins[0],
            why: None,
            values: vec![family],
        };
        items.add(phone.plan, reason).unwrap();
        let progress = phone.client.progress();
        let report = progress.values(phone.plan, day(1), day(31)).unwrap();
        assert_eq!((report.with_value, report.without_value), (1, 1));
        assert_eq!(report.shares[0].name.as_deref(), Some("Family"));
        assert_eq!(report.shares[0].per_mille, 1_000);
    }
}
