import Foundation
import Waymark
import XCTest

@testable import SampleLogic

private final class Key: KeyProvider {
    func storageKey() throws -> Data { Data(repeating: 7, count: 32) }
}

/// The logic of the sample, without its screen and without a network.
final class TodayTests: XCTestCase {
    @MainActor
    func testGoalsAreShownAndACheckInCounts() async throws {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        addTeardownBlock { try FileManager.default.removeItem(at: home) }
        let config = WaymarkConfig(
            directory: home.path, relay: "http://127.0.0.1:9", timeZone: "Europe/Amsterdam")
        let waymark = try Waymark.open(config: config, keyProvider: Key())
        try waymark.people().begin(name: "Kim", deviceName: "phone")
        let plan = try waymark.people().createPlan()
        let today = Today(waymark: waymark, plan: plan)
        let front = Task { try await today.run() }
        defer { front.cancel() }
        await today.add("Ten minutes outside 🌿")
        try await shows { today.rows.count == 1 }
        await today.checkIn(today.rows[0].id, note: "It rained")
        try await shows { today.rows[0].doneToday && today.rows[0].streak == 1 }
        try await shows { today.sync == .offline }
        XCTAssertNil(today.problem)
        await today.add("")
        XCTAssertEqual(today.problem, "invalid_input")
        try waymark.lock()
    }

    @MainActor
    private func shows(_ what: () -> Bool) async throws {
        for _ in 0..<3_000 where !what() {
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        XCTAssertTrue(what())
    }
}
