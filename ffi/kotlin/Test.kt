// The Kotlin binding, end to end: engines of several people against a real relay.
//
// Each test says what somebody would lose if it failed. The last line counts: N passed, M failed.

import java.io.File
import java.net.ServerSocket
import java.nio.charset.CharacterCodingException
import java.nio.file.Files
import java.security.SecureRandom
import java.time.Duration
import java.time.Instant
import java.time.LocalDate
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock
import kotlin.system.exitProcess
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
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
class Devices(private val relay: String) : AutoCloseable {
    private val root = Files.createTempDirectory("waymark-test-").toFile()
    private val open = mutableListOf<Waymark>()

    fun open(name: String, key: KeyProvider = Key(), relay: String = this.relay): Waymark {
        val config = WaymarkConfig(
            directory = File(root, name).path, relay = relay, timeZone = "Europe/Amsterdam",
        )
        return Waymark.open(config, key).also(open::add)
    }

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
    .map(LocalDate::parse)
    .flatMap { device.checkIns().inMonth(plan, it.year, it.monthValue.toUInt()) }

// --- Checks ---

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

// --- Tests ---

val TESTS = mapOf<String, suspend Devices.() -> Unit>(
    "an offline check-in reaches the therapist, and an agreed proposal holds" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        val logged = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        check(phone.status()[1].unsent > 0u) { "it does not wait to be sent" }

        val heard = Heard()
        val tablet = linkTherapist(phone, plan, heard)
        val entry = allCheckIns(tablet, plan).single()
        equal(entry.id, logged)
        equal(entry.goal, setup.goal)
        equal(entry.note, NOTE)
        equal(entry.quantity, 12.5)
        equal(entry.ratings, listOf(Rating(setup.mood, 7)))
        equal(entry.timeZone, "Europe/Amsterdam")
        check(Duration.between(entry.at, Instant.now()).abs() < Duration.ofMinutes(10)) {
            "the instant ${entry.at} is not now"
        }
        val day = tablet.checkIns().days(plan, setup.goal, entry.date, entry.date).single()
        equal(day.entries, listOf(logged))
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
        check(heard.wait { it is Change.Records && logged in it.records }) { "nobody was told" }
        equal(
            tablet.people().members(plan).map { Triple(it.name to it.role, it.holder, it.thisDevice) }.toSet(),
            setOf(
                Triple("Kim" to Role.CLIENT, KeyHolder.DEVICE, false),
                Triple("Kim" to Role.CLIENT, KeyHolder.RESERVE, false),
                Triple("Dr. Ada" to Role.THERAPIST, KeyHolder.DEVICE, true),
                Triple("Dr. Ada" to Role.THERAPIST, KeyHolder.RESERVE, false),
            ),
        )

        val old = tablet.goals().get(plan, setup.goal).inForce!!
        equal(old.statement to old.target?.value, STATEMENT to 10.0)
        val revision = NewRevision(
            goal = setup.goal,
            replaces = listOf(old.id),
            statement = "Fifteen minutes",
            target = target(setup.minutes, 15.0),
            schedule = daily(),
        )
        val proposed = tablet.goals().propose(plan, revision)
        tablet.syncNow()
        phone.syncNow()
        val seen = phone.goals().get(plan, setup.goal)
        equal(seen.inForce?.id, old.id)
        equal(seen.proposals.map { it.id }, listOf(proposed))
        phone.goals().decide(plan, proposed, Verdict.AGREE)
        phone.syncNow()
        tablet.syncNow()
        for (device in listOf(phone, tablet)) {
            val now = device.goals().get(plan, setup.goal).inForce!!
            equal(now.id to now.statement, proposed to "Fifteen minutes")
        }
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
        for (status in phone.status() + tablet.status()) {
            equal(status.unsent to status.problem, 0u to null)
        }
    },

    "live, what one writes is shown to the other, also after a listener has thrown" to {
        val (phone, plan) = begin()
        val throwing = Throwing()
        val tablet = linkTherapist(phone, plan, throwing)
        val heard = Heard()
        val listening = tablet.listen(heard)
        phone.goLive().use {
            tablet.goLive().use {
                for (statement in listOf("first", "second")) {
                    val goal = phone.goals().create(plan, GoalDraft(statement))
                    for (listener in listOf(throwing, heard)) {
                        check(listener.wait { it is Change.Records && goal in it.records }) {
                            "$listener was not told of the $statement goal"
                        }
                    }
                    equal(tablet.goals().get(plan, goal).statement, statement)
                }
            }
        }
        listening.stop()
    },

    "several syncs at once, and local calls meanwhile, lose nothing" to {
        val (phone, plan) = begin()
        val tablet = linkTherapist(phone, plan, Heard())
        runBlocking {
            val syncs = List(8) { async { phone.syncNow() } }
            repeat(20) { phone.goals().create(plan, GoalDraft("goal $it")) }
            syncs.awaitAll()
        }
        phone.syncNow()
        tablet.syncNow()
        equal(tablet.goals().list(plan).size, 20)
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
    },

    "who is invited reads the plan after both saw the same code" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        val logged = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val heard = Heard()
        phone.listen(heard)
        val tablet = inviteTherapist(phone, plan)

        equal(tablet.people().plans(), listOf(plan))
        equal(allCheckIns(tablet, plan).map { it.id }, listOf(logged))
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
        // Which device it is, and whom it has heard when, is each one's own.
        val (mine, theirs) = listOf(phone, tablet).map { device ->
            device.people().members(plan).map {
                it.copy(thisDevice = false, lastHeard = null, lastHeardSeq = null)
            }
        }
        equal(mine, theirs)
        val therapist = mine.single {
            it.role == Role.THERAPIST && it.holder == KeyHolder.DEVICE
        }
        equal(
            Triple(therapist.name, therapist.deviceName, therapist.rights),
            Triple("Dr. Ada", "tablet", "write"),
        )
        equal(phone.people().history(plan), tablet.people().history(plan))
        equal(phone.people().safetyNumber(plan), tablet.people().safetyNumber(plan))

        val invitation = phone.invitations().list().single()
        check(heard.wait { it is Change.Invitation && it.id == invitation.id }) {
            "the phone's app was not told that the therapist answered"
        }
        for (device in listOf(phone, tablet)) {
            device.invitations().forget(invitation.id)
            equal(device.invitations().list(), emptyList<InvitationView>())
        }
    },

    "who sees another code says so, and nobody gets in" to {
        val (phone, plan) = begin()
        val tablet = open("tablet")
        val pair = listOf(phone, tablet)
        val link = phone.invitations().invite(InvitationPurpose.Plan(plan), days = 1u)
        for (secret in listOf(link.text(), link.code())) {
            check(secret !in "$link ${phone.invitations().list()}") { "a log would have the link" }
        }
        equal(phone.invitations().show(link.id()).text(), link.text())
        refused<WaymarkException.InvalidInput>("invalid_input") {
            tablet.invitations().accept("waymark:none", "Dr. Ada", "tablet")
        }
        phone.syncNow()
        tablet.invitations().accept(link.code(), "Dr. Ada", "tablet")
        meet(link, pair, InvitationStage.COMPARING)
        phone.invitations().confirm(link.id(), true)
        tablet.invitations().confirm(link.id(), false)
        equal(
            meet(link, pair, InvitationStage.ENDED).map { it.end },
            listOf(InvitationEnd.CODES_DIFFER, InvitationEnd.WITHDRAWN),
        )
        equal(phone.people().members(plan).map { it.name }.toSet(), setOf("Kim"))
        equal(tablet.people().plans(), emptyList<PlanId>())
    },

    "who is revoked reads nothing that comes later, and is told nothing" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        val tablet = inviteTherapist(phone, plan)
        val seen = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        phone.syncNow()
        tablet.syncNow()
        val people = phone.people()
        equal(people.safetyNumber(plan), tablet.people().safetyNumber(plan))
        val own = people.members(plan).first { it.role == Role.CLIENT }.person
        val theirs = people.members(plan).first { it.role == Role.THERAPIST }.person
        refused<WaymarkException.NotAllowed>("not_allowed") { people.revoke(plan, own) }
        refused<WaymarkException.InvalidInput>("invalid_input") { people.revoke(plan, "Ada") }

        people.revoke(plan, theirs)
        phone.syncNow()
        equal(people.members(plan).map { it.name }.toSet(), setOf("Kim"))
        val step = people.history(plan).single { MembershipChange.NewKey in it.changes }
        val removed = step.changes.filterIsInstance<MembershipChange.Removed>()
        equal(step.signerName to removed.map { it.name }.toSet(), "Kim" to setOf("Dr. Ada"))

        val before = tablet.projectionHash(plan)
        val unseen = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        phone.syncNow()
        refused<WaymarkException.Offline>("offline") { tablet.syncNow() }
        equal(tablet.status().single { it.plan == plan }.problem, "offline")
        same(tablet.projectionHash(plan), before)
        equal(allCheckIns(tablet, plan).map { it.id }, listOf(seen))
        equal(allCheckIns(phone, plan).map { it.id }.toSet(), setOf(seen, unseen))
        check(tablet.people().members(plan).any { it.name == "Dr. Ada" }) { "it was told" }
        check(people.safetyNumber(plan) != tablet.people().safetyNumber(plan)) {
            "the safety numbers are still equal"
        }
    },

    "a grant that is withdrawn ends with the next sync, and what came stays" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        val seen = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val tablet = inviteTherapist(phone, plan)
        val people = phone.people()
        val theirs = people.members(plan).first { it.role == Role.THERAPIST }.person
        val until = LocalDate.now().plusDays(30).toString()
        refused<WaymarkException.NotAllowed>("not_allowed") {
            tablet.people().grant(plan, theirs, "Therapy", until)
        }
        refused<WaymarkException.InvalidInput>("invalid_input") {
            people.grant(plan, theirs, "Therapy", "2001-01-01")
        }
        val id = people.grant(plan, theirs, "Therapy", until)
        phone.syncNow()
        tablet.syncNow()
        val grant = tablet.people().grants(plan).single()
        equal(
            listOf(grant.id, grant.person, grant.name, grant.purpose, grant.until),
            listOf(id, theirs, "Dr. Ada", "Therapy", until),
        )
        equal(grant.scope to grant.state, GrantScope.PLAN to GrantState.ACTIVE)

        people.withdrawGrant(plan, id)
        equal(people.grants(plan).single().state, GrantState.WITHDRAWN)
        phone.syncNow()
        equal(people.members(plan).map { it.name }.toSet(), setOf("Kim"))
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        phone.syncNow()
        refused<WaymarkException.Offline>("offline") { tablet.syncNow() }
        equal(allCheckIns(tablet, plan).map { it.id }, listOf(seen))
    },

    "what a device wrote is undone, and counts again" to {
        val (phone, plan) = begin()
        val tablet = inviteTherapist(phone, plan)
        tablet.goals().create(plan, GoalDraft("Buy our pills"))
        tablet.syncNow()
        phone.syncNow()
        val people = phone.people()
        val number = tablet.people().members(plan).single { it.thisDevice }.number
        refused<WaymarkException.NotAllowed>("not_allowed") {
            tablet.people().undoDevice(plan, 0u)
        }
        val undone = people.undoDevice(plan, number)
        equal(listOf(undone.name, undone.records, undone.undoneBy), listOf("Dr. Ada", 3u, "Kim"))
        phone.syncNow()
        tablet.syncNow()
        for (device in listOf(phone, tablet)) {
            val view = device.goals().view(plan)
            equal(view.goals.size, 0)
            equal(view.leftOut.map { it.reason }.toSet(), setOf(Reason.VOIDED))
            equal(device.people().undoneDevices(plan), listOf(undone))
        }
        people.redoDevice(plan, number)
        equal(phone.goals().list(plan).map { it.statement }, listOf("Buy our pills"))
        refused<WaymarkException.NotFound>("not_found") { people.redoDevice(plan, number) }
    },

    "who begins anew takes along what was chosen, and the therapist follows" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        phone.goals().create(plan, GoalDraft("between us"))
        val tablet = inviteTherapist(phone, plan)
        refused<WaymarkException.NotFound>("not_found") {
            phone.people().beginAnew(plan, Keep(goals = listOf(UNKNOWN), checkInsFrom = null))
        }
        val keep = Keep(goals = listOf(setup.goal), checkInsFrom = null)
        val new = phone.people().beginAnew(plan, keep)
        repeat(3) { listOf(phone, tablet).forEach { it.syncNow() } }

        equal(tablet.people().plans(), listOf(plan, new))
        same(phone.projectionHash(new), tablet.projectionHash(new))
        equal(phone.people().history(plan).last().changes.last(), MembershipChange.Closed(new))
        equal(phone.people().whoCanRead(setup.goal).map { it.plan }.toSet(), setOf(plan, new))
        equal(phone.status().single { it.plan == plan }.followedBy, new)
        for (device in listOf(phone, tablet)) {
            equal(device.goals().list(new).map { it.statement }, listOf(STATEMENT))
            equal(allCheckIns(device, new).size to allCheckIns(device, plan).size, 0 to 1)
            val closed = refused<WaymarkException.NotAllowed>("not_allowed") {
                device.goals().create(plan, GoalDraft("too late"))
            }
            check(new in closed.reason) { "it does not say where it goes on: ${closed.reason}" }
        }
    },

    "24 words bring everything back, and a misspelt one is named" to {
        val (phone, plan) = begin()
        val circle = phone.people().createSpace(SpaceKind.CIRCLE)
        val words = phone.people().makePhrase()
        equal(words.split(' ').size, 24)
        equal(phone.people().recovery(), RecoveryState.UNCONFIRMED)
        equal(phone.people().madePhrase(), words)
        phone.people().confirmPhrase()
        equal(phone.people().recovery(), RecoveryState.PENDING)
        val setup = setUp(phone, plan)
        val logged = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        repeat(4) { phone.syncNow() }
        equal(phone.people().recovery(), RecoveryState.READY)
        phone.lock()

        val found = open("found")
        val thrown = refused<WaymarkException.InvalidInput>("invalid_input") {
            found.people().restore(words.replaceFirst(" ", "# "), "Kim", "found")
        }
        check("word 1," in thrown.reason) { "it does not say which word" }
        check(words.substringAfter(' ') !in thrown.reason) { "it has the other words too" }
        found.people().restore(words, "Kim", "found")
        repeat(4) { found.syncNow() }
        equal(found.people().plans(), listOf(plan))
        equal(found.people().spaces(SpaceKind.CIRCLE), listOf(circle))
        equal(allCheckIns(found, plan).map { it.id }, listOf(logged))
    },

    "what cannot be right is refused with its code, and nothing is logged" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        val goals = phone.goals()
        val checkIns = phone.checkIns()
        goals.create(plan, GoalDraft("🌿".repeat(500)))
        val before = phone.projectionHash(plan)
        refused<WaymarkException.NotFound>("not_found") { goals.get(plan, UNKNOWN) }
        refused<WaymarkException.NotFound>("not_found") {
            checkIns.log(plan, checkIn(UNKNOWN, setup.mood))
        }
        refused<WaymarkException.NotFound>("not_found") { goals.list("A".repeat(43)) }
        val outside = refused<WaymarkException.InvalidInput>("invalid_input") {
            val ratings = listOf(Rating(setup.mood, 11))
            checkIns.log(plan, NewCheckIn(outcome = Outcome.DONE, ratings = ratings))
        }
        check("outside 0–10" in outside.reason) { outside.reason }
        check("outside 0–10" in "$outside") { "$outside" }
        equal(outside.errorClass(), ErrorClass.FIX_INPUT)
        for (statement in listOf("x".repeat(501), "🌿".repeat(501), "")) {
            refused<WaymarkException.InvalidInput>("invalid_input") {
                goals.create(plan, GoalDraft(statement))
            }
        }
        // What does not convert at the edge is the same kind of error, no fault of the library.
        refused<WaymarkException.InvalidInput>("invalid_input") { goals.get(plan, "no id") }
        refused<WaymarkException.InvalidInput>("invalid_input") { goals.get("no id", setup.goal) }
        refused<WaymarkException.InvalidInput>("invalid_input") { checkIns.on(plan, "2026-02-30") }
        refused<WaymarkException.InvalidInput>("invalid_input") {
            checkIns.logAt(plan, TimedCheckIn(checkIn(setup.goal, setup.mood), Instant.MAX))
        }
        refused<WaymarkException.InvalidInput>("invalid_input") {
            checkIns.logAt(plan, TimedCheckIn(checkIn(setup.goal, setup.mood), Instant.MIN))
        }
        refused<WaymarkException.BadCard>("bad_card") {
            phone.people().addTherapist(plan, byteArrayOf(0, 1))
        }
        same(phone.projectionHash(plan), before)
    },

    "what is forgotten is nowhere, and who wrote about it is told" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val tablet = linkTherapist(phone, plan, Heard())
        val what = listOf(Forgettable.Goal(setup.goal))
        refused<WaymarkException.NotAllowed>("not_allowed") { tablet.forgetting().forget(plan, what) }
        // Offline, the tablet proposes something about what is to go.
        val old = tablet.goals().get(plan, setup.goal).inForce!!
        val revision = NewRevision(
            goal = setup.goal,
            replaces = listOf(old.id),
            statement = "Fifteen minutes",
            schedule = daily(),
        )
        tablet.goals().propose(plan, revision)
        val preview = phone.forgetting().preview(plan, what)
        check(preview.records >= 3u) { "$preview" }
        equal(phone.forgetting().forget(plan, what), preview)
        check(phone.forgetting().isPending(plan)) { "nothing is to be forgotten" }
        for (device in listOf(phone, tablet, phone)) device.syncNow()

        check(!phone.forgetting().isPending(plan)) { "it is not forgotten" }
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
        for (device in listOf(phone, tablet)) {
            equal(device.goals().list(plan), emptyList<GoalView>())
            equal(allCheckIns(device, plan), emptyList<CheckInView>())
        }
        equal(phone.forgetting().givenUp(plan), emptyList<GivenUpView>())
        val givenUp = tablet.forgetting().givenUp(plan).single()
        // Whoever proposes agrees with it.
        val kinds = listOf(KindCount(Kind.GOAL_REVISION, 1u), KindCount(Kind.VERDICT, 1u))
        equal(givenUp.by to givenUp.kinds, "Kim" to kinds)
        tablet.forgetting().dismissGivenUp(plan)
        equal(tablet.forgetting().givenUp(plan), emptyList<GivenUpView>())
    },

    "half a character is refused by Kotlin, and nothing is lost" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val before = phone.projectionHash(plan)
        for (text in listOf("\uD800", "a note that ends in \uDC00")) {
            val note = NewCheckIn(outcome = Outcome.NOTE_ONLY, note = text)
            for (call in listOf({ phone.checkIns().log(plan, note) }, { phone.people().card(text, "x") })) {
                val thrown = runCatching(call).exceptionOrNull()
                check(thrown is CharacterCodingException) { "$thrown" }
            }
        }
        same(phone.projectionHash(plan), before)
        phone.checkIns().log(plan, NewCheckIn(outcome = Outcome.NOTE_ONLY, note = "\uD800\uDC00"))
        equal(allCheckIns(phone, plan).map { it.note }, listOf(NOTE, "\uD800\uDC00"))
    },

    "without a relay local calls succeed, and the status says so" to {
        val nowhere = ServerSocket(0).use { "http://127.0.0.1:${it.localPort}" }
        val (phone, plan) = begin(relay = nowhere)
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val offline = refused<WaymarkException.Offline>("offline") { phone.syncNow() }
        equal(offline.errorClass(), ErrorClass.WAIT)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        equal(allCheckIns(phone, plan).size, 2)
        val status = phone.status()[1]
        equal(status.plan to status.problem, plan to "offline")
        check(status.unsent + status.onTheWay > 0u) { "$status" }
    },

    "wrong keys and providers that throw leave the database as it was" to {
        val key = Key()
        val (phone, plan) = begin(key)
        equal(key.asked, 1)
        refused<WaymarkException.Locked>("locked") { open("phone", key) }
        phone.lock()
        refused<WaymarkException.KeyLost>("key_lost") { open("phone", Key()) }
        refused<WaymarkException.InvalidInput>("invalid_input") { open("phone", Key(ByteArray(31))) }
        refused<WaymarkException.KeyLost>("key_lost") {
            open("phone", Without(KeyProviderException.Gone("the keystore was reset")))
        }
        refused<WaymarkException.Locked>("locked") {
            open("phone", Without(KeyProviderException.Unavailable("before the first unlock")))
        }
        val thrown = refused<WaymarkException.Locked>("locked") {
            open("phone", Without(IllegalStateException("something else")))
        }
        check(thrown.reason.lines().size == 1) { "a stack trace: ${thrown.reason}" }
        equal(open("phone", key).people().plans(), listOf(plan))
    },

    "a locked client answers nothing and opens again with everything" to {
        val key = Key()
        val (phone, plan) = begin(key)
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val before = phone.projectionHash(plan)
        val goals = phone.goals()
        val live = phone.goLive()
        phone.lock()
        val calls = listOf<suspend () -> Unit>(
            { goals.list(plan) },
            { phone.status() },
            { phone.goLive() },
            { phone.syncNow() },
            { phone.exportAll() },
            { phone.lock() },
            { phone.people().begin("Kim", "phone") },
        )
        for (call in calls) refused<WaymarkException.Locked>("locked") { call() }
        // At once, also while the live connection of the old client still ends.
        same(open("phone", key).projectionHash(plan), before)
        live.stop()
    },

    "what is erased is gone, and the directory serves a new beginning" to {
        val (phone, plan) = begin()
        check(plan in phone.exportAll()) { "the export misses the plan" }
        phone.eraseEverything()
        refused<WaymarkException.Locked>("locked") { phone.status() }
        val new = open("phone")
        equal(new.people().plans(), emptyList<PlanId>())
        equal(new.diagnostics().database, null)
        equal(new.diagnostics().version, version())
        equal(new.evidence(), emptyList<ForkEvidence>())
        refused<WaymarkException.InvalidInput>("invalid_input") { checkEvidence(byteArrayOf(1)) }
    },
)

fun main() {
    var failed = 0
    Relay().use { relay ->
        for ((name, test) in TESTS) {
            val thrown = runCatching {
                Devices(relay.url).use { devices -> runBlocking { devices.test() } }
            }.exceptionOrNull()
            println("${if (thrown == null) "ok    " else "FAILED"} $name")
            if (thrown != null) {
                failed += 1
                thrown.printStackTrace(System.out)
            }
        }
    }
    println("${TESTS.size - failed} passed, $failed failed")
    exitProcess(if (failed == 0) 0 else 1)
}
