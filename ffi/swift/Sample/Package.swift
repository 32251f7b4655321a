// swift-tools-version: 6.0

import PackageDescription

// The logic of the sample, which is compiled and tested by itself. `Sources/SampleApp` is its screen: an
// Xcode project's app target that depends on SampleLogic.
let package = Package(
    name: "Sample",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "SampleLogic", targets: ["SampleLogic"])],
    dependencies: [.package(name: "Waymark", path: "..")],
    targets: [
        .target(name: "SampleLogic", dependencies: ["Waymark"]),
        .testTarget(name: "SampleLogicTests", dependencies: ["SampleLogic"]),
    ],
    swiftLanguageModes: [.v6]
)
