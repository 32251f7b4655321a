package waymark

import kotlin.time.Duration
import kotlin.time.toJavaDuration
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.withContext

/** Syncs for so long at most. What is read and sent by then is kept, and the next sync goes on. */
suspend fun Waymark.sync(budget: Duration): SyncEnd = syncWithin(budget.toJavaDuration())

/**
 * What a worker calls when the system wakes the app: opens a suspended client, takes in what was
 * dropped, syncs within the budget, and closes again.
 */
suspend fun Waymark.wake(budget: Duration): SyncEnd = onWake(budget.toJavaDuration())

/**
 * Stays connected until the coroutine is cancelled, as a screen in front does: what others write
 * arrives as it is written, what this device writes is sent at once.
 */
suspend fun Waymark.stayLive(): Nothing = goLive().use { live ->
    try {
        awaitCancellation()
    } finally {
        live.stop()
    }
}

/** Closes the database before the system suspends the process. */
suspend fun Waymark.pause() = withContext(Dispatchers.IO) { this@pause.suspend() }

/** Opens it again. */
suspend fun Waymark.unpause() = withContext(Dispatchers.IO) { resume() }

/** Has the library's events written by [write] from now on; they hold nothing that people wrote. */
fun logTo(level: LogLevel, write: (LogEvent) -> Unit) = setLogSink(
    object : LogSink {
        override fun log(event: LogEvent) = write(event)
    },
    level,
)
