// swift-tools-version: 6.3
import PackageDescription

// A package of its own, as any that uses qamw's libraries: what these programs need is public.
let package = Package(
    name: "qamw-examples",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "qamw", path: "../..")],
    targets: [
        // Quantizes a made-up model.
        .executableTarget(
            name: "quantize",
            dependencies: [.product(name: "QAMFormat", package: "qamw"), .product(name: "Quantization", package: "qamw")]),
        // Decodes one row of a tensor: a reader of models needs QAMFormat alone.
        .executableTarget(name: "read-row", dependencies: [.product(name: "QAMFormat", package: "qamw")]),
        // Brings a made-up format into .qamw and safetensors.
        .executableTarget(
            name: "convert", dependencies: [.product(name: "QAMFormat", package: "qamw"), .product(name: "Converters", package: "qamw")]),
    ],
    swiftLanguageModes: [.v6]
)
