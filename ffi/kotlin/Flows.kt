// The hand-written side of the package: flows of changes, answers, cancelled coroutines.

import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import waymark.*
import waymark.core.*

/** A port that takes connections and never answers. */
class Silent : AutoCloseable {
    private val port = ServerSocket(0)
    private val taken = CopyOnWriteArrayList<Socket>()
    private val asked = Channel<Unit>(Channel.UNLIMITED)
    val url = "http://127.0.0.1:${port.localPort}"

    init {
        Thread {
            runCatching {
                while (true) {
                    taken += port.accept()
                    asked.trySend(Unit)
                }
            }
        }.start()
    }

    suspend fun isAsked() = withTimeout(30.seconds) { asked.receive() }

    override fun close() {
        port.close()
        taken.forEach(Socket::close)
    }
}

suspend fun <T> soon(block: suspend CoroutineScope.() -> T): T = withTimeout(30.seconds, block)

val FLOWS = mapOf<String, suspend Devices.() -> Unit>(
    "a watched list shows what was there, one's own edits, and live what others write" to {
        val (phone, plan) = begin()
        val tablet = linkTherapist(phone, plan, Heard())
        coroutineScope {
            val shown = Channel<List<String>>(Channel.UNLIMITED)
            val screen = launch(Dispatchers.Default) {
                tablet.watch(plan) { goals().list(plan).map { it.statement } }.collect(shown::send)
            }
            val connections = listOf(phone, tablet).map { launch(Dispatchers.Default) { it.stayLive() } }
            equal(soon { shown.receive() }, emptyList<String>())
            tablet.edit(plan) { goals().create(plan, GoalDraft("mine")) }
            equal(soon { shown.receive() }, listOf("mine"))
            phone.edit(plan) { goals().create(plan, GoalDraft("theirs 🌿")) }
            equal(soon { shown.receive() }.toSet(), setOf("mine", "theirs 🌿"))
            (connections + screen).forEach { it.cancelAndJoin() }
        }
    },

    "changes come as a flow that ends with its collector, and names what changed" to {
        val (phone, plan) = begin()
        val tablet = linkTherapist(phone, plan, Heard())
        coroutineScope {
            val first = async(Dispatchers.Default) { tablet.changes().first { it is Change.Records } }
            // Until it listens.
            while (first.isActive) {
                phone.goals().create(plan, GoalDraft("one more"))
                listOf(phone, tablet).forEach { it.syncNow() }
            }
            equal(first.await().plan, plan)
        }
    },

    "what fails is an answer that says what to do, and a coroutine that is cancelled stays cancelled" to {
        val (phone, plan) = begin()
        val got = phone.attempt { goals().create(plan, GoalDraft("Walk")) }
        val goal = (got as Answer.Got).value
        equal(phone.attempt { goals().get(plan, goal).statement }.orNull(), "Walk")
        for (wrong in listOf("", "\uD800")) {
            val failed = phone.attempt { goals().create(plan, GoalDraft(wrong)) }
            check(failed is Answer.FixInput && failed.code == "invalid_input") { "$failed" }
            equal(failed.orNull(), null)
        }
        Silent().use { silent ->
            val away = open("away", relay = silent.url)
            away.people().begin("Kim", "away")
            away.people().createPlan()
            coroutineScope {
                val trying = async(Dispatchers.Default) { away.attempt { syncNow() } }
                silent.isAsked()
                trying.cancelAndJoin()
                val ended = runCatching { trying.await() }.exceptionOrNull()
                check(ended is CancellationException) { "$ended" }
            }
            away.lock()
            check(away.attempt { status() } is Answer.AskUser) { "a locked client answers" }
        }
        val nowhere = ServerSocket(0).use { "http://127.0.0.1:${it.localPort}" }
        val offline = open("offline", relay = nowhere).apply {
            people().begin("Kim", "offline")
            people().createPlan()
        }
        check(offline.attempt { syncNow() } is Answer.Wait) { "offline is no reason to ask anybody" }
    },

    "a sync whose coroutine is cancelled loses nothing, and the next one goes on" to {
        val (phone, plan) = begin()
        val tablet = linkTherapist(phone, plan, Heard())
        repeat(12) { round ->
            phone.goals().create(plan, GoalDraft("goal $round"))
            coroutineScope {
                val sync = launch(Dispatchers.Default) { phone.syncNow() }
                Thread.sleep(round.toLong())
                sync.cancelAndJoin()
            }
        }
        phone.syncNow()
        tablet.syncNow()
        equal(tablet.goals().list(plan).size, 12)
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
        equal(phone.status().map { it.unsent to it.problem }.toSet(), setOf(0u to null))
    },
)
