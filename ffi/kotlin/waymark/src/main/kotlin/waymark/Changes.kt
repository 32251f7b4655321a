package waymark

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch
import waymark.core.Change
import waymark.core.PlanId

/** The plan, or home as a space, that a change is of; none where it is of the whole device. */
val Change.plan: PlanId?
    get() = when (this) {
        is Change.Forgotten -> plan
        is Change.Forked -> plan
        is Change.Healed -> plan
        is Change.Invitation -> null
        is Change.Members -> plan
        is Change.NotDone -> plan
        is Change.Progress -> null
        is Change.Records -> plan
        is Change.Restored -> plan
        is Change.Status -> plan
        is Change.Texts -> plan
    }

/** Tells [heard] of every change, from the library's one thread, until the subscription is stopped. */
fun Waymark.listen(heard: (List<Change>) -> Unit): Subscription = listen(object : ChangeListener {
    override fun changed(changes: List<Change>) = heard(changes)
})

/**
 * What others change, and how the sync goes, in order and without loss as long as it is collected.
 * It goes on over [Waymark.suspend] and [Waymark.resume].
 */
fun Waymark.changes(): Flow<Change> = callbackFlow {
    val subscription = listen { changes -> changes.forEach { trySend(it) } }
    awaitClose {
        subscription.stop()
        subscription.close()
    }
}.buffer(Channel.UNLIMITED)

/**
 * What [read] shows of a plan: at once, and again whenever it has changed, through others or through
 * [edit]. Several changes in a row are read once.
 */
fun <T> Waymark.watch(plan: PlanId, read: Waymark.() -> T): Flow<T> = callbackFlow {
    // Whoever listens before the first look misses nothing between the two.
    val subscription = listen { changes ->
        if (changes.any { it.plan == plan || it.plan == null }) trySend(Unit)
    }
    launch(start = CoroutineStart.UNDISPATCHED) {
        edits.collect { (by, edited) ->
            if (by === this@watch && edited == plan) trySend(Unit)
        }
    }
    trySend(Unit)
    awaitClose {
        subscription.stop()
        subscription.close()
    }
}.conflate().map { onDisk { read() } }.distinctUntilChanged()

/** Writes something of a plan, on a thread that may wait for the disk, and shows it to [watch]. */
suspend fun <T> Waymark.edit(plan: PlanId, write: Waymark.() -> T): T {
    val written = onDisk { write() }
    edits.tryEmit(Edit(this, plan))
    return written
}

private data class Edit(val by: Waymark, val plan: PlanId)

// Whoever watches takes these at once, so none waits here for long.
private val edits = MutableSharedFlow<Edit>(
    extraBufferCapacity = 64,
    onBufferOverflow = BufferOverflow.DROP_OLDEST,
)
