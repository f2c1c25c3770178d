/// The rules that the sources must follow. They name targets, folders and files of Sources, and a rule whose subject does not exist fails:
/// whatever is moved must be updated here too.
enum House {
    struct Target {
        var name: String
        /// The modules that it may import besides `system`. Each is imported somewhere.
        var imports: Set<String>
        var kind: Kind

        enum Kind {
            /// A library for other targets: it neither prints nor exits, and exposes no pointers.
            case library
            /// Exposes C functions and therefore pointers.
            case interface
            case program
            case c
            /// The module map of a system library.
            case system
        }

        init(_ name: String, _ kind: Kind, imports: Set<String> = []) {
            (self.name, self.kind, self.imports) = (name, kind, imports)
        }
    }

    /// Every target of Sources.
    static let targets = [
        Target("CQAMKernels", .c),
        Target("CQAMCodebooks", .c),
        Target("CCalibrationText", .c),
        Target("CQAMW", .c),
        Target("CZstd", .system),
        Target("CXXHash", .system),
        Target(
            "QAMFormat", .library,
            imports: [
                "CQAMKernels.Pairs", "CQAMKernels.Polar", "CQAMKernels.Integers", "CQAMKernels.Trellis", "CQAMKernels.Blocks", "CQAMCodebooks", "CZstd",
                "CXXHash",
            ]),
        Target("Architectures", .library, imports: ["QAMFormat"]),
        // The standard library's Unicode normal forms are in its own module only, as an SPI.
        Target("Converters", .library, imports: ["QAMFormat", "Architectures", "Swift"]),
        Target(
            "Quantization", .library,
            imports: [
                "QAMFormat", "Architectures", "Inference", "CQAMKernels.Pairs", "CQAMKernels.Polar", "CQAMKernels.Feedback", "CQAMKernels.Trellis",
                "CQAMKernels.Blocks",
            ]),
        Target("Inference", .library, imports: ["QAMFormat", "Architectures", "CQAMKernels.Floats", "CCalibrationText"]),
        Target("Models", .library, imports: ["QAMFormat", "Architectures", "Converters", "Inference", "Quantization"]),
        Target("Authenticity", .library, imports: ["QAMFormat", "Crypto"]),
        Target("KernelBenchmark", .library, imports: ["QAMFormat", "Quantization"]),
        Target("QAMCABI", .interface, imports: ["QAMFormat", "Converters", "Quantization", "Models", "CQAMW", "Dispatch"]),
        Target(
            "Tools", .program,
            imports: [
                "QAMFormat", "Architectures", "Converters", "Quantization", "Inference", "Models", "Authenticity", "KernelBenchmark", "ArgumentParser",
                "Crypto", "Dispatch",
            ]),
        Target("CodebookSolver", .program),
    ]

    /// Modules that every target may import.
    static let system: Set<String> = ["Glibc", "Musl", "Darwin", "Synchronization"]
    /// Modules that are neither a target nor a product of a package.
    static let systemModules = system.union(["Dispatch", "Swift"])

    /// The files that import a C module: one per target, and one per codec.
    static let holders = [
        "CQAMKernels.Pairs": [
            "QAMFormat/Codec/Kernels.swift", "QAMFormat/Codec/Pairs/Kernels+Pairs.swift", "Quantization/Encoding/Pairs/PairKernels.swift",
        ],
        "CQAMKernels.Polar": ["QAMFormat/Codec/Polar/PolarCodebook.swift", "Quantization/Encoding/Polar/PolarSearch.swift"],
        "CQAMKernels.Integers": ["QAMFormat/Codec/Int8/IntegerKernels.swift"],
        "CQAMKernels.Feedback": [
            "Quantization/Kernels/FeedbackKernels.swift", "Quantization/Encoding/Pairs/PairKernels.swift",
            "Quantization/Encoding/Polar/PolarSearch.swift", "Quantization/Encoding/Int8/Int8Coder.swift",
            "Quantization/Encoding/Trellis/TrellisSearch.swift",
        ],
        "CQAMKernels.Trellis": ["QAMFormat/Codec/Trellis/TrellisKernels.swift", "Quantization/Encoding/Trellis/TrellisSearch.swift"],
        "CQAMKernels.Blocks": ["QAMFormat/Tensors/GGMLBlocks.swift", "Quantization/Encoding/Blocks/BlockCoder.swift"],
        "CQAMKernels.Floats": ["Inference/Kernels/FloatKernels.swift"],
        "CQAMCodebooks": ["QAMFormat/Codec/Pairs/Codebook+BuiltIn.swift", "QAMFormat/Codec/Polar/PolarCodebook+BuiltIn.swift"],
        "CCalibrationText": ["Inference/Calibration/CalibrationText.swift"],
        "CZstd": ["QAMFormat/Bytes/ZstdFrames.swift"],
        "CXXHash": ["QAMFormat/Bytes/XXH3.swift"],
    ]

    /// Folders of a target that must not use the listed ones; two folders that list each other are independent.
    static let apart: [(target: String, folder: String, never: [String])] = [
        ("QAMFormat", "Bytes/", ["Tensors/", "Container/", "Codec/", "Output/"]),
        ("QAMFormat", "Tensors/", ["Container/", "Codec/", "Output/"]),
        ("QAMFormat", "Container/", ["Codec/"]),
        ("QAMFormat", "Codec/", ["Container/", "Output/"]),
        ("Architectures", "JSON/", ["Tables/"]),
        ("Converters", "Transforms/", ["Safetensors/", "GGUF/", "PyTorch/", "Names/", "Tokenizers/", "Checkpoints/", "Adapters/"]),
        ("Converters", "Names/", ["Safetensors/", "GGUF/", "Checkpoints/"]),
        ("Converters", "Tokenizers/", ["Safetensors/", "GGUF/", "Transforms/", "Names/", "TextEncoding/"]),
        ("Converters", "TextEncoding/", ["Safetensors/", "GGUF/", "Transforms/", "Names/"]),
        ("Converters", "Checkpoints/", ["Safetensors/", "GGUF/"]),
        ("Converters", "Safetensors/", ["GGUF/", "PyTorch/"]),
        ("Converters", "GGUF/", ["Safetensors/", "PyTorch/"]),
        ("Converters", "PyTorch/", ["Safetensors/", "GGUF/"]),
        ("Converters", "Shards/", ["Safetensors/", "GGUF/", "PyTorch/"]),
        ("Converters", "Adapters/", ["Safetensors/", "GGUF/", "PyTorch/"]),
        ("Quantization", "Kernels/", ["Encoding/", "Feedback/"]),
        ("Quantization", "Encoding/", ["Feedback/", "Plan/", "Statistics/", "Rates/", "Recipes/"]),
        ("Quantization", "Statistics/", ["Encoding/", "Feedback/", "Plan/", "Rates/", "Recipes/"]),
        ("Quantization", "Plan/", ["Rates/", "Quantizer/"]),
        ("Quantization", "Rates/", ["Quantizer/"]),
    ]

    /// Uses that currently close a cycle. Each must be necessary for its cycle: an entry that is unused, or closes no cycle, must be removed.
    static let knownCycles: [(target: String, folder: String, from: String, to: String)] = []

    /// Members that the standard library also declares: their name alone does not identify the owner.
    static let standardMembers: Set<String> = [
        "append", "apply", "bitPattern", "bytes", "code", "contains", "count", "description", "first", "indices", "insert", "interrupted", "isEmpty",
        "isSubset", "last", "map", "none", "prefix", "rawValue", "reduce", "remove", "removeAll", "reserveCapacity", "rounded", "suffix", "values",
    ]

    /// The system headers that C targets may include.
    static let headers: Set<String> = [
        "arm_neon.h", "immintrin.h", "math.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h", "sys/auxv.h", "sys/sysctl.h",
    ]

    /// Test helpers that assert on behalf of their callers.
    static let assertingHelpers: Set<String> = ["expectRefused", "expectError", "expectClose", "check"]
}
