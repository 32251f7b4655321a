// Who reads a plan is the client's decision, and taken back at any time.

import java.time.LocalDate
import waymark.*
import waymark.core.*

val SHARING = mapOf<String, suspend Devices.() -> Unit>(
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
        val until = LocalDate.now().plusDays(30)
        refused<WaymarkException.NotAllowed>("not_allowed") {
            tablet.people().grant(plan, theirs, "Therapy", until)
        }
        refused<WaymarkException.InvalidInput>("invalid_input") {
            people.grant(plan, theirs, "Therapy", LocalDate.of(2001, 1, 1))
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
)
