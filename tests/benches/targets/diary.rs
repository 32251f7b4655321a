//! The check-in that everything is measured with: an outcome, two ratings, and a note of 80
//! characters whose words come from a vocabulary of 150. The same in every run.

use waymark_core::client::{Client, PlanId};
use waymark_core::model::{
    Comparison, GoalId, MeasureId, NewCheckIn, NewGoal, NewMeasure, NewRevision, Outcome, Period,
    Rating, Schedule, Target,
};

/// Milliseconds between two check-ins: ten a day on average.
const BETWEEN: usize = 86_400_000 / 10;
/// Characters of a note.
const NOTE: usize = 80;

/// One goal with a target, and two measures to rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Diary {
    goal: GoalId,
    measures: [MeasureId; 2],
    noise: u64,
}

impl Diary {
    /// Begins a diary in a plan.
    pub(crate) fn begin(client: &Client, plan: PlanId) -> Self {
        let goals = client.goals();
        let [minutes, mood, tension] = ["minutes", "mood", "tension"].map(|label| {
            let measure = NewMeasure {
                measure: None,
                label: label.into(),
                min: 0,
                max: 600,
                step: 1,
                unit: None,
                low_label: None,
                high_label: None,
            };
            goals.define_measure(plan, &measure).expect("a measure")
        });
        let revision = NewRevision {
            goal: GoalId([0; 16]),
            replaces: Vec::new(),
            statement: "Ten minutes of mindfulness a day".into(),
            target: Some(Target {
                measure: Some(minutes),
                comparison: Comparison::AtLeast,
                value: Some(10.0),
                unit: Some("min".into()),
                period: Period::Day,
                due: None,
            }),
            schedule: Some(Schedule::daily()),
            effective_from: None,
            rationale: None,
        };
        let area = NewGoal {
            area: Some("calm".into()),
        };
        let goal = goals.create(plan, &area, &revision).expect("a goal");
        Self {
            goal,
            measures: [mood, tension],
            noise: 1,
        }
    }

    /// The goal.
    pub(crate) const fn goal(&self) -> GoalId {
        self.goal
    }

    /// The next check-in.
    pub(crate) fn next(&mut self) -> NewCheckIn {
        let outcomes = [
            Outcome::Done,
            Outcome::Done,
            Outcome::Done,
            Outcome::Partial,
        ];
        let outcome = outcomes[self.below(outcomes.len())];
        let ratings = self.measures.map(|measure| Rating {
            measure,
            value: i32::try_from(self.below(11)).unwrap_or_default(),
        });
        NewCheckIn {
            ratings: ratings.to_vec(),
            note: Some(self.note()),
            ..NewCheckIn::new(self.goal, outcome)
        }
    }

    /// Milliseconds until the next one; people keep no beat.
    pub(crate) fn pause(&mut self) -> i64 {
        i64::try_from(1 + self.below(2 * BETWEEN)).unwrap_or_default()
    }

    fn note(&mut self) -> String {
        let mut note = String::new();
        while note.len() < NOTE {
            note.push_str(WORDS[self.below(WORDS.len())]);
            note.push(' ');
        }
        note.truncate(NOTE - 1);
        // A note may not end in a space.
        note.push('.');
        note
    }

    /// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), brought below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.noise;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = (mixed ^ (mixed >> 31)) >> 33;
        usize::try_from(high).unwrap_or_default() % bound
    }
}

const WORDS: [&str; 150] = [
    "a",
    "about",
    "after",
    "again",
    "all",
    "almost",
    "alone",
    "and",
    "anxious",
    "at",
    "away",
    "back",
    "bad",
    "balcony",
    "bed",
    "before",
    "bench",
    "better",
    "birds",
    "body",
    "breakfast",
    "breath",
    "breathing",
    "bus",
    "busy",
    "but",
    "calm",
    "calmer",
    "cat",
    "chair",
    "children",
    "clear",
    "coffee",
    "cold",
    "cooking",
    "day",
    "difficult",
    "dinner",
    "distracted",
    "dog",
    "drank",
    "early",
    "easier",
    "easy",
    "evening",
    "eyes",
    "family",
    "feet",
    "felt",
    "few",
    "focused",
    "for",
    "forest",
    "forgot",
    "friend",
    "from",
    "garden",
    "glad",
    "good",
    "half",
    "hands",
    "hard",
    "head",
    "heavy",
    "helped",
    "home",
    "hour",
    "house",
    "in",
    "it",
    "kitchen",
    "late",
    "less",
    "light",
    "listened",
    "little",
    "long",
    "longer",
    "loud",
    "lunch",
    "made",
    "meeting",
    "mind",
    "minutes",
    "moment",
    "more",
    "morning",
    "music",
    "my",
    "neighbour",
    "night",
    "nothing",
    "office",
    "often",
    "on",
    "outside",
    "pain",
    "park",
    "patient",
    "phone",
    "quiet",
    "rain",
    "read",
    "rest",
    "restless",
    "river",
    "room",
    "sad",
    "sat",
    "shoulders",
    "shower",
    "sister",
    "sitting",
    "sleep",
    "slept",
    "slow",
    "slowly",
    "some",
    "street",
    "stressed",
    "sun",
    "tea",
    "tense",
    "than",
    "the",
    "then",
    "thoughts",
    "tired",
    "to",
    "today",
    "train",
    "tried",
    "walk",
    "walked",
    "walking",
    "warm",
    "was",
    "water",
    "well",
    "wind",
    "window",
    "with",
    "without",
    "work",
    "worked",
    "worried",
    "worry",
    "yesterday",
    "yoga",
    "young",
];
