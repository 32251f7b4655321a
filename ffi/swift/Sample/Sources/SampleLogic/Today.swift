import Foundation
import Observation
import Waymark

/// One row of the list.
public struct Row: Identifiable, Equatable, Sendable {
    public let id: GoalId
    public let statement: String
    public let doneToday: Bool
    public let streak: UInt32
}

/// How the plan stands with the relay.
public enum SyncState: Equatable, Sendable {
    case unknown, upToDate, toSend, offline
}

/// The logic of the sample: today's goals, a check-in, progress, sharing, and the state of the sync.
@MainActor @Observable
public final class Today {
    public private(set) var rows: [Row] = []
    public private(set) var sync = SyncState.unknown
    /// A link to hand to a therapist. A secret: it is shown, and not logged.
    public private(set) var link: String?
    /// What the person has to be told, as a stable code.
    public private(set) var problem: String?

    private let waymark: Waymark
    private let plan: PlanId

    public init(waymark: Waymark, plan: PlanId) {
        self.waymark = waymark
        self.plan = plan
    }

    /// Shows the plan, and stays connected while the screen is in front: until the task is cancelled.
    public func run() async throws {
        let waymark = waymark
        let plan = plan
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await rows in try waymark.watch(plan, { try Today.rows($0, plan) }) {
                    await self.show(rows)
                }
            }
            group.addTask {
                for try await now in try waymark.watch(plan, { try Today.syncState($0, plan) }) {
                    await self.show(now)
                }
            }
            group.addTask { try await waymark.stayLive() }
            try await group.waitForAll()
        }
    }

    /// Adds a goal for every day.
    public func add(_ statement: String) async {
        await told { waymark, plan in
            let daily = Schedule(pattern: .daily)
            try await waymark.edit(plan) {
                try $0.goals().create(plan: plan, goal: GoalDraft(statement: statement, schedule: daily))
            }
        }
    }

    /// Logs that a goal was done today.
    public func checkIn(_ goal: GoalId, note: String? = nil) async {
        await told { waymark, plan in
            let checkIn = NewCheckIn(goal: goal, outcome: .done, note: note)
            try await waymark.edit(plan) { try $0.checkIns().log(plan: plan, checkIn: checkIn) }
        }
    }

    /// Makes a link for a therapist, and sends what makes it open.
    public func share() async {
        await told { waymark, plan in
            let link = try await waymark.onDisk { try $0.invitations().invite(purpose: .plan(plan)).text() }
            await self.show(link: link)
            _ = try await waymark.sync(seconds: 20)
        }
    }

    /// The person has seen the problem, or the link.
    public func dismiss() {
        problem = nil
        link = nil
    }

    private func told(_ call: @escaping @Sendable (Waymark, PlanId) async throws -> Void) async {
        let plan = plan
        let answer = try? await waymark.attempt { try await call($0, plan) }
        switch answer {
        // What waits for a network is kept, and shown as the state of the sync.
        case .got, .wait, nil: break
        case .askUser(let error), .fixInput(let error), .report(let error): problem = error.code()
        }
    }

    private func show(_ rows: [Row]) { self.rows = rows }

    private func show(_ sync: SyncState) { self.sync = sync }

    private func show(link: String) { self.link = link }

    nonisolated private static func rows(_ waymark: Waymark, _ plan: PlanId) throws -> [Row] {
        let progress = try waymark.progress().all(plan: plan)
        let streaks = Dictionary(uniqueKeysWithValues: progress.map { ($0.goal, $0.streak) })
        let today = try waymark.people().summaries().first { $0.plan == plan }?.today?.date
        let entries = try today.map { try waymark.checkIns().on(plan: plan, date: $0) } ?? []
        let done = Set(entries.filter { $0.outcome == .done }.compactMap(\.goal))
        return try waymark.goals().list(plan: plan).map { goal in
            Row(
                id: goal.id, statement: goal.statement, doneToday: done.contains(goal.id),
                streak: streaks[goal.id] ?? 0)
        }
    }

    nonisolated private static func syncState(_ waymark: Waymark, _ plan: PlanId) throws -> SyncState {
        guard let status = try waymark.status().first(where: { $0.plan == plan }) else { return .unknown }
        if status.problem != nil { return .offline }
        if status.unsent + status.onTheWay > 0 { return .toSend }
        return status.synced == nil ? .unknown : .upToDate
    }
}
