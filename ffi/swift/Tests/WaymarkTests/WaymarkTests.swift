import Foundation
import Waymark
import XCTest

#if canImport(CryptoKit)
    import WaymarkDropBox
#endif

/// The same that Kotlin and Python are tested for, end to end.
final class WaymarkTests: Case {
    /// A wrong key would make a new database in the old one's place.
    func testWrongKeysAndProvidersThatThrowLeaveTheDatabaseAsItWas() throws {
        let key = Key()
        let (phone, plan) = try begin(key: key)
        refused("locked") { _ = try open("phone", key: key) }
        try phone.lock()
        refused("key_lost") { _ = try open("phone", key: Key()) }
        refused("key_lost") { _ = try open("phone", key: Key(nil)) }
        refused("invalid_input") { _ = try open("phone", key: Key(Data(count: 31))) }
        XCTAssertEqual(try open("phone", key: key).people().plans(), [plan])
    }

    /// What was logged on a train would not be on the therapist's tablet.
    func testAnOfflineCheckInReachesTheTherapistLive() async throws {
        let relay = try Relay()
        let (phone, plan) = try begin(relay: relay.url)
        let goal = try phone.goals().create(plan: plan, goal: GoalDraft(statement: "Walk"))
        let checkIn = NewCheckIn(goal: goal, outcome: .done, note: note)
        let logged = try phone.checkIns().log(plan: plan, checkIn: checkIn)
        let tablet = try await linkTherapist(phone, plan, relay: relay.url)
        let months = try tablet.checkIns().months(plan: plan)
        XCTAssertEqual(months.count, 1)
        XCTAssertEqual(try phone.projectionHash(plan: plan), try tablet.projectionHash(plan: plan))

        let changes = try tablet.changes()
        let live = try tablet.goLive()
        defer { live.stop() }
        let second = try phone.goals().create(plan: plan, goal: GoalDraft(statement: "Rest"))
        try await phone.syncNow()
        for await case .records(_, _, let records) in changes where records.contains(second) { break }
        XCTAssertEqual(try tablet.goals().get(plan: plan, goal: second).statement, "Rest")
        XCTAssertFalse(logged.isEmpty)
    }

    /// A screen would show what was there when it opened.
    func testAWatchedListShowsOwnEdits() async throws {
        let (phone, plan) = try begin()
        var shown = try phone.watch(plan) { try $0.goals().list(plan: plan).map(\.statement) }
            .makeAsyncIterator()
        let before = try await shown.next()
        XCTAssertEqual(before, [])
        try await phone.edit(plan) {
            _ = try $0.goals().create(plan: plan, goal: GoalDraft(statement: "mine"))
        }
        let after = try await shown.next()
        XCTAssertEqual(after, ["mine"])
    }

    /// iOS ends an app that is suspended while it holds a lock.
    func testASuspendedClientAnswersLockedAndGoesOnWithEverything() async throws {
        let (phone, plan) = try begin()
        let before = try phone.projectionHash(plan: plan)
        try phone.suspend()
        refused("locked") { _ = try phone.goals().list(plan: plan) }
        let files = try FileManager.default.contentsOfDirectory(atPath: home.path + "/phone")
        XCTAssertEqual(Set(files), ["waymark.sqlite", "waymark.lock"])
        try phone.resume()
        XCTAssertEqual(try phone.projectionHash(plan: plan), before)
        let answer = try await phone.attempt { try await $0.syncNow() }
        guard case .wait = answer else { return XCTFail("\(answer)") }
    }

    /// Threads that meet would lose an entry, or stop each other for good.
    func testManyTasksAtOnceLoseNothing() async throws {
        let (phone, plan) = try begin()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<16 {
                group.addTask {
                    for round in 0..<20 {
                        let draft = GoalDraft(statement: "goal \(number) \(round)")
                        _ = try await phone.onDisk { try $0.goals().create(plan: plan, goal: draft) }
                    }
                }
            }
            try await group.waitForAll()
        }
        XCTAssertEqual(try phone.goals().list(plan: plan).count, 320)
    }

    /// A text or a day would be another one, or take the app down.
    func testTextsAndDatesAtTheirEndsComeBack() throws {
        let (phone, plan) = try begin()
        for day in ["1900-01-01", "9999-12-31"] {
            let checkIn = NewCheckIn(date: day, outcome: .noteOnly, note: note)
            _ = try phone.checkIns().log(plan: plan, checkIn: checkIn)
            XCTAssertEqual(try phone.checkIns().on(plan: plan, date: day).map(\.note), [note])
        }
        for day in ["1899-12-31", "2027-02-29", ""] {
            refused("invalid_input") {
                let checkIn = NewCheckIn(date: day, outcome: .done)
                _ = try phone.checkIns().log(plan: plan, checkIn: checkIn)
            }
        }
        refused("invalid_input") {
            let beyond = TimedCheckIn(checkIn: NewCheckIn(outcome: .rest), at: Date(timeIntervalSince1970: 1e15))
            _ = try phone.checkIns().logAt(plan: plan, checkIn: beyond)
        }
    }

    #if canImport(CryptoKit)
        /// What was tapped on a widget would be lost, or stand in the log twice.
        func testWhatAWidgetLeavesIsLoggedOnce() throws {
            let box = home.appendingPathComponent("box")
            let (phone, plan) = try begin(dropBox: box)
            let widget = try DropBox(directory: box, key: phone.dropBoxKey())
            for outcome in DroppedOutcome.allCases {
                let at = Date(timeIntervalSince1970: 1_777_636_800 + Double(outcome.rawValue))
                try widget.checkIn(
                    plan: plan, goal: nil, outcome: outcome, quantity: 2.5, note: note, at: at)
            }
            let report = try phone.takeInDropped()
            XCTAssertEqual(report.logged.count, DroppedOutcome.allCases.count)
            XCTAssertEqual(report.refused, [])
            XCTAssertEqual(try phone.takeInDropped().logged, [])
        }
    #endif
}
