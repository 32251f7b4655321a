// What the tests share: a real relay, devices, and what is written on them.

import java.io.File
import java.nio.file.Files
import java.security.SecureRandom
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock
import waymark.*
import waymark.core.*

// Emoji beyond the basic plane, right-to-left text, a combining accent and a NUL.
const val NOTE = "ten minutes 🌿🧘🏽 · עשר דקות · عشر دقائق · cafe\u0301 · a\u0000b"
const val STATEMENT = "Ten minutes of mindfulness 🌿"
val UNKNOWN = "A".repeat(22)

/** The relay's own program on a free loopback port. */
class Relay : AutoCloseable {
    private val data = Files.createTempDirectory("waymark-relay-").toFile()
    private val process = ProcessBuilder(
        System.getenv("WAYMARK_SERVER"), "--data", data.path, "--listen", "127.0.0.1:0",
    ).redirectError(ProcessBuilder.Redirect.DISCARD).start()

    // "waymark-server listens on http://127.0.0.1:4711 with the key ..."
    val url = process.inputStream.bufferedReader().readLine()
        .split(' ').first { it.startsWith("http://") }

    override fun close() {
        process.destroy()
        process.waitFor()
        data.deleteRecursively()
    }
}

/** A key provider that counts how often it is asked. */
class Key(val key: ByteArray = ByteArray(32).also(SecureRandom()::nextBytes)) : KeyProvider {
    var asked = 0
    override fun storageKey() = key.also { asked += 1 }
}

/** A key provider that throws. */
class Without(val error: Throwable) : KeyProvider {
    override fun storageKey() = throw error
}

/** A listener that keeps what it hears. */
open class Heard : ChangeListener {
    private val changes = mutableListOf<Change>()
    private val lock = ReentrantLock()
    private val heard = lock.newCondition()

    override fun changed(changes: List<Change>) = lock.withLock {
        this.changes += changes
        heard.signalAll()
    }

    /** Waits for a change; whether it came. */
    fun wait(wanted: (Change) -> Boolean): Boolean = lock.withLock {
        var left = TimeUnit.SECONDS.toNanos(30)
        while (changes.none(wanted)) {
            if (left <= 0) return false
            left = heard.awaitNanos(left)
        }
        true
    }
}

/** A listener that throws at every call. */
class Throwing : Heard() {
    override fun changed(changes: List<Change>) {
        super.changed(changes)
        throw IllegalStateException("the screen is gone")
    }
}

/** The devices of one test, with directories of their own. */
class Devices(val relay: String) : AutoCloseable {
    private val root = Files.createTempDirectory("waymark-test-").toFile()
    private val open = mutableListOf<Waymark>()

    fun directory(name: String) = File(root, name)

    fun config(name: String, relay: String = this.relay, dropBox: File? = null) = WaymarkConfig(
        directory = directory(name).path,
        relay = relay,
        timeZone = "Europe/Amsterdam",
        dropBox = dropBox?.path,
    )

    fun open(name: String, key: KeyProvider = Key(), relay: String = this.relay): Waymark =
        Waymark.open(config(name, relay), key).also(open::add)

    fun openWithBox(name: String, key: KeyProvider, box: File): Waymark =
        Waymark.open(config(name, dropBox = box), key).also(open::add)

    fun openAt(name: String, clock: ManualClock): Waymark =
        Waymark.openWithClock(config(name), Key(), clock).also(open::add)

    fun begin(key: KeyProvider = Key(), relay: String = this.relay): Pair<Waymark, PlanId> {
        val phone = open("phone", key, relay)
        phone.people().begin("Kim", "phone")
        return phone to phone.people().createPlan()
    }

    suspend fun linkTherapist(phone: Waymark, plan: PlanId, listener: ChangeListener): Waymark {
        val tablet = open("tablet")
        val card = tablet.people().card("Dr. Ada", "tablet")
        phone.people().addTherapist(plan, card)
        equal(phone.people().welcome(card), null)
        phone.syncNow()
        tablet.people().accept(phone.people().welcome(card)!!)
        tablet.listen(listener)
        tablet.syncNow()
        return tablet
    }

    /** Syncs in turn until an invitation stands so on all devices. */
    suspend fun meet(
        link: InvitationLink, devices: List<Waymark>, stage: InvitationStage,
    ): List<InvitationView> {
        repeat(8) {
            val seen = devices.map { it.invitations().get(link.id()) }
            if (seen.all { it.stage == stage }) return seen
            devices.forEach { it.syncNow() }
        }
        throw AssertionError("not $stage")
    }

    /** Both see the same code and say so; each syncs alone. */
    suspend fun inviteTherapist(phone: Waymark, plan: PlanId): Waymark {
        val tablet = open("tablet")
        val pair = listOf(phone, tablet)
        val link = phone.invitations().invite(InvitationPurpose.Plan(plan))
        phone.syncNow()
        tablet.invitations().accept(link.text(), "Dr. Ada", "tablet")
        val (mine, theirs) = meet(link, pair, InvitationStage.COMPARING)
        check(Regex("\\d{3} \\d{3}").matches(mine.code!!)) { "no code: ${mine.code}" }
        equal(mine.code, theirs.code)
        equal(mine.name to theirs.name, "Dr. Ada" to "Kim")
        phone.invitations().confirm(link.id(), true)
        phone.syncNow()
        equal(phone.people().members(plan).map { it.name }.toSet(), setOf("Kim"))
        equal(tablet.people().plans(), emptyList<PlanId>())
        tablet.invitations().confirm(link.id(), true)
        for (seen in meet(link, pair, InvitationStage.DONE)) {
            equal(seen.space to seen.problem, plan to null)
        }
        pair.forEach { it.syncNow() }
        return tablet
    }

    override fun close() {
        open.forEach(Waymark::close)
        root.deleteRecursively()
    }
}

class Setup(val goal: GoalId, val minutes: MeasureId, val mood: MeasureId)

fun setUp(device: Waymark, plan: PlanId): Setup {
    val goals = device.goals()
    val minutes = goals.defineMeasure(
        plan, NewMeasure(label = "minutes", min = 0, max = 600, step = 1, unit = "min"),
    )
    val mood = goals.defineMeasure(plan, NewMeasure(label = "mood", min = 0, max = 10, step = 1))
    val draft = GoalDraft(statement = STATEMENT, target = target(minutes, 10.0), schedule = daily())
    return Setup(goals.create(plan, draft), minutes, mood)
}

fun target(minutes: MeasureId, value: Double) = Target(
    measure = minutes, comparison = Comparison.AT_LEAST, value = value, period = Period.DAY,
)

fun daily() = Schedule(pattern = SchedulePattern.Daily)

fun checkIn(goal: GoalId, mood: MeasureId) = NewCheckIn(
    goal = goal,
    outcome = Outcome.DONE,
    quantity = 12.5,
    ratings = listOf(Rating(mood, 7)),
    note = NOTE,
)

fun allCheckIns(device: Waymark, plan: PlanId) = device.checkIns().months(plan)
    .flatMap { device.checkIns().inMonth(plan, it.year, it.monthValue.toUInt()) }


fun check(holds: Boolean, why: () -> String) {
    if (!holds) throw AssertionError(why())
}

fun equal(is_: Any?, wanted: Any?) = check(is_ == wanted) { "$is_, not $wanted" }

fun same(a: ByteArray, b: ByteArray) = check(a.contentEquals(b)) { "the devices show other things" }

/** The call throws one kind of error, with its code. */
inline fun <reified E : WaymarkException> refused(code: String, call: () -> Unit): E {
    try {
        call()
    } catch (error: WaymarkException) {
        check(error is E) { "$error" }
        equal(error.code(), code)
        return error as E
    }
    throw AssertionError("not refused with $code")
}
