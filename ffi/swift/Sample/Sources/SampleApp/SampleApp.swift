import SampleLogic
import SwiftUI
import Waymark

/// The sample's one screen.
@main
struct SampleApp: App {
    @State private var today: Today?
    @State private var problem: String?
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            if let today {
                TodayScreen(today: today)
            } else if let problem {
                Text(problem)
            } else {
                ProgressView().task { open() }
            }
        }
    }

    private func open() {
        do {
            let home = URL.applicationSupportDirectory.appending(path: "waymark")
            let config = WaymarkConfig(
                directory: home.path, relay: "http://127.0.0.1:8447",
                timeZone: TimeZone.current.identifier)
            let waymark = try Waymark.open(config: config, keyProvider: KeychainKey())
            try excludeFromBackup(home)
            let people = waymark.people()
            let plan = try people.plans().first ?? {
                try people.begin(name: "Me", deviceName: "iPhone")
                return try people.createPlan()
            }()
            today = Today(waymark: waymark, plan: plan)
        } catch {
            problem = "\(error)"
        }
    }

    // What is bound to a key that stays on the device is of no use on another.
    private func excludeFromBackup(_ directory: URL) throws {
        var directory = directory
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try directory.setResourceValues(values)
    }
}

struct TodayScreen: View {
    let today: Today
    @State private var text = ""

    var body: some View {
        NavigationStack {
            List {
                Section {
                    Text(state)
                    if let problem = today.problem {
                        Button("That did not work (\(problem))", action: today.dismiss)
                    }
                    if let link = today.link {
                        ShareLink(item: link)
                    }
                }
                Section("Today") {
                    ForEach(today.rows) { row in
                        HStack {
                            VStack(alignment: .leading) {
                                Text(row.statement)
                                Text("\(row.streak) in a row").font(.caption)
                            }
                            Spacer()
                            Button(row.doneToday ? "Done" : "Check in") {
                                Task { await today.checkIn(row.id) }
                            }
                            .disabled(row.doneToday)
                        }
                    }
                }
                Section {
                    TextField("A new goal", text: $text)
                    Button("Add") {
                        Task {
                            await today.add(text)
                            text = ""
                        }
                    }
                    Button("Share with my therapist") { Task { await today.share() } }
                }
            }
            .navigationTitle("Waymark")
        }
        .task { try? await today.run() }
    }

    private var state: String {
        switch today.sync {
        case .unknown: "Not synced yet"
        case .upToDate: "Up to date"
        case .toSend: "Waiting to be sent"
        case .offline: "Offline. Everything is kept"
        }
    }
}
