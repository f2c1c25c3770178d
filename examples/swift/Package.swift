// swift-tools-version: 6.3
import PackageDescription

// A separate package, like any that uses qamw's libraries: these programs use only the public API.
let package = Package(
    name: "qamw-examples",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "qamw", path: "../..")],
    targets: [
        // Quantizes a made-up model.
        .executableTarget(
            name: "quantize",
            dependencies: [.product(name: "QAMFormat", package: "qamw"), .product(name: "Quantization", package: "qamw")]),
        // Decodes one row of a tensor: reading models needs only QAMFormat.
        .executableTarget(name: "read-row", dependencies: [.product(name: "QAMFormat", package: "qamw")]),
        // Converts a made-up format to .qamw and safetensors.
        .executableTarget(
            name: "convert", dependencies: [.product(name: "QAMFormat", package: "qamw"), .product(name: "Converters", package: "qamw")]),
    ],
    swiftLanguageModes: [.v6]
)
