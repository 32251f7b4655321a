//! The threads that network calls run on. Whoever awaits one from Kotlin, Swift or Python only
//! waits: the work goes on here, also where the waiting is given up.

use std::io;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};
use waymark_core::client::WaymarkError;

/// One for the process: an app has few clients, and a runtime cannot be dropped on every thread.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("waymark-net")
        .enable_all()
        .build()
});

/// The runtime; an error where the system has no threads left.
pub(crate) fn runtime() -> Result<&'static Runtime, WaymarkError> {
    RUNTIME.as_ref().map_err(|why| WaymarkError::Internal {
        reason: format!("the network threads did not start: {why}"),
    })
}
