//! What a relay's log takes, without HTTP, over each engine that is installed.

use tokio::runtime::Runtime;
use waymark_tests::load::{Engine, through_log};

use crate::Effort;
use crate::report::Row;

pub(crate) fn appends(effort: Effort) -> Vec<Row> {
    let runtime = Runtime::new().expect("a runtime");
    let engines = [Some(Engine::sqlite()), Engine::postgres()];
    let rows = engines.into_iter().flatten().map(|engine| {
        let (rounds, each) = (effort.of(9, 3), effort.of(40, 5));
        through_log(&runtime, &engine, rounds, each)
    });
    rows.collect()
}
