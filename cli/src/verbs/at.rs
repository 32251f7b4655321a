//! In which plan of which device.

use clap::Args;
use waymark_core::client::PlanId;
use waymark_core::model::GoalView;

use super::goals;
use crate::desk::{Desk, DeskError, Place, Which};
use crate::talk::Talk;

/// In which plan of which device.
#[derive(Args, Debug)]
pub(super) struct At {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    place: Place,
}

impl At {
    /// Opens the device, and finds the plan there.
    ///
    /// # Errors
    /// As [`Which::open`].
    pub(super) fn open(&self, talk: Talk) -> Result<(Desk, PlanId), DeskError> {
        self.which.open(&self.place, talk)
    }

    /// The same with a goal of the plan.
    ///
    /// # Errors
    /// The same, and as [`goals::one`].
    pub(super) fn open_goal(
        &self,
        meant: &str,
        talk: Talk,
    ) -> Result<(Desk, PlanId, GoalView), DeskError> {
        let (desk, plan) = self.open(talk)?;
        let goal = goals::one(&desk, plan, meant)?;
        Ok((desk, plan, goal))
    }
}
