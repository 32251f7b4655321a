//! What every [`Log`] has to hold. A backend's tests call [`log_conformance`] with a function that
//! makes an empty log (and whatever has to live as long) for the test of this name, or says that it
//! is skipped.

pub(crate) mod attachments;
pub(crate) mod bounds;
pub(crate) mod checkpoints;
pub(crate) mod entries;
pub(crate) mod forgetting;
pub(crate) mod membership;
pub(crate) mod pages;
pub(crate) mod retiring;
pub(crate) mod wakes;

use waymark_wire::membership::Rights;

use super::looking::Look;
use super::{Append, AppendOutcome, Log, Refused, check};
use crate::testing::{Change, Space};

/// Makes one test of each function below for the logs that `$make` makes.
macro_rules! log_conformance {
    ($make:ident) => {
        crate::log::conformance::log_conformance! { $make;
            attachments::attachments_come_with_what_names_them
            attachments::forty_devices_get_a_new_key_in_one_entry
            attachments::keys_that_are_named_again_stay
            attachments::members_keys_go_with_them
            attachments::sealed_keys_go_when_the_second_epoch_after_theirs_begins
            bounds::a_full_space_takes_only_what_a_full_one_needs
            bounds::a_space_has_room_for_so_many_entries
            bounds::who_writes_too_often_is_told_when_to_come_back
            checkpoints::a_bad_by_anybody_stops_it
            checkpoints::a_checkpoint_that_does_not_fit_is_refused
            checkpoints::a_closed_space_keeps_everything
            checkpoints::alone_or_unanswered_it_goes_too
            checkpoints::nothing_above_a_rested_checkpoint_ever_goes
            checkpoints::nothing_goes_without_quorum_and_rest
            checkpoints::old_snapshots_go_with_a_newer_checkpoint
            checkpoints::what_was_dropped_still_has_its_place
            forgetting::a_bad_stops_that_too
            forgetting::a_checkpoint_behind_it_names_nothing_of_before
            forgetting::a_closed_space_lets_go_of_that_and_of_nothing_else
            forgetting::keys_of_before_stay_as_long_as_what_they_open
            forgetting::newcomers_are_not_sent_to_before_it
            forgetting::nothing_goes_where_nothing_holds_the_rest
            forgetting::what_stood_before_goes_at_quorum
            forgetting::whoever_is_silent_keeps_it_for_thirty_days
            entries::a_bad_entry_stops_its_request_and_no_other
            entries::a_closed_log_takes_nothing
            entries::a_counter_counts_once_and_without_holes
            entries::entries_come_back_in_order_with_their_chain
            entries::kinds_and_ops_of_later_versions_are_refused
            entries::many_devices_at_once_leave_no_hole
            entries::readers_may_not_write
            entries::strangers_learn_nothing
            entries::the_same_entry_has_one_place
            entries::whoever_is_a_member_may_say_what_it_lacks
            membership::a_closed_space_takes_nothing_and_is_read
            membership::a_space_needs_its_first_entry
            membership::membership_entries_take_turns
            membership::of_two_who_remove_each_other_one_stays
            membership::what_a_leaver_knew_is_replaced_first
            membership::who_has_left_may_ask_again_for_what_was_taken
            membership::who_is_removed_is_a_stranger
            pages::a_page_is_never_ahead_of_the_membership
            pages::pages_end_at_their_limits
            pages::places_are_found_on_the_log
            retiring::a_space_goes_a_little_at_a_time
            retiring::days_on_which_the_relay_did_not_run_are_not_counted
            retiring::what_nobody_uses_goes_and_nothing_else
            wakes::a_member_has_the_token_that_it_left_last
            wakes::a_token_goes_with_its_membership
        }
    };
    ($make:ident; $($part:ident::$name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some((log, kept)) = $make(concat!(stringify!($part), "::", stringify!($name))).await else {
                    return;
                };
                crate::log::conformance::$part::$name(log).await;
                tokio::task::spawn_blocking(move || crate::log::conformance::Kept::is_sound(&kept))
                    .await
                    .unwrap();
            }
        )*
    };
}
pub(crate) use log_conformance;

/// Where a log is kept that was made for a test.
pub(crate) trait Kept {
    /// Whatever was done to it, an operator who looks finds nothing wrong.
    fn is_sound(&self);
}

/// Expects nothing to be wrong with what this connection sees.
pub(crate) fn is_sound(look: &impl Look) {
    let mut flaws = Vec::new();
    let checked = check(look, &mut |flaw| flaws.push(flaw.to_string())).unwrap();
    assert!(flaws.is_empty() && checked.flaws == 0, "{flaws:#?}");
}

fn request(space: &Space, entries: Vec<Vec<u8>>, attachments: &[Vec<u8>]) -> Append {
    Append {
        heals: false,
        space: space.id,
        entries,
        attachments: attachments.to_vec(),
        may_create: true,
        terms: crate::log::Terms::default(),
        now: 0,
    }
}

async fn append(
    log: &impl Log,
    space: &Space,
    entries: Vec<Vec<u8>>,
    attachments: &[Vec<u8>],
) -> AppendOutcome {
    log.append(request(space, entries, attachments))
        .await
        .unwrap()
}

async fn create(log: &impl Log, space: &Space) -> AppendOutcome {
    let outcome = make(log, space, &space.founding).await;
    assert_eq!(outcome.refused, None);
    outcome
}

async fn make(log: &impl Log, space: &Space, change: &Change) -> AppendOutcome {
    append(log, space, vec![change.entry.clone()], &change.attachments).await
}

/// A space with a second device, of another person, that writes: its index, and what added it.
async fn grown(log: &impl Log) -> (Space, usize, Change) {
    let mut space = Space::found(1);
    create(log, &space).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    assert_eq!(make(log, &space, &change).await.refused, None);
    let second = space.accept(0, &change, key);
    (space, second, change)
}

async fn ok(log: &impl Log, space: &Space, entries: Vec<Vec<u8>>) -> AppendOutcome {
    let outcome = append(log, space, entries, &[]).await;
    assert_eq!(outcome.refused, None);
    outcome
}

async fn refused(log: &impl Log, space: &Space, entries: Vec<Vec<u8>>) -> Refused {
    let outcome = append(log, space, entries, &[]).await;
    assert!(outcome.seqs.is_empty());
    outcome.refused.unwrap()
}
