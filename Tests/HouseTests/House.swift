/// The rules that the sources are held to. All of them name targets, folders and files of Sources, and a rule whose subject is gone fails:
/// what moves is moved here too.
enum House {
    struct Target {
        var name: String
        /// The modules that it may import beside `system`. Each is imported somewhere.
        var imports: Set<String>
        var kind: Kind

        enum Kind {
            /// Others call it: it neither prints nor exits, and shows no pointers.
            case library
            /// Shows C's functions, and C's pointers with them.
            case interface
            case program
            case c
            /// The module map of a library of the system.
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
        Target("CQAMW", .c),
        Target("CZstd", .system),
        Target("CXXHash", .system),
        Target(
            "QAMFormat", .library,
            imports: ["CQAMKernels.Pairs", "CQAMKernels.Polar", "CQAMKernels.Integers", "CQAMKernels.Blocks", "CQAMCodebooks", "CZstd", "CXXHash"]),
        Target("Architectures", .library, imports: ["QAMFormat"]),
        Target("Converters", .library, imports: ["QAMFormat", "Architectures"]),
        Target(
            "Quantization", .library,
            imports: ["QAMFormat", "Architectures", "Inference", "CQAMKernels.Pairs", "CQAMKernels.Polar", "CQAMKernels.Feedback"]),
        Target("Inference", .library, imports: ["QAMFormat", "Architectures", "CQAMKernels.Floats"]),
        Target("KernelBenchmark", .library, imports: ["QAMFormat", "Quantization"]),
        Target("QAMCABI", .interface, imports: ["QAMFormat", "Converters", "Quantization", "CQAMW", "Dispatch"]),
        Target(
            "Tools", .program,
            imports: ["QAMFormat", "Architectures", "Converters", "Quantization", "Inference", "KernelBenchmark", "ArgumentParser", "Crypto", "Dispatch"]),
        Target("CodebookSolver", .program),
    ]

    /// What every target may import.
    static let system: Set<String> = ["Glibc", "Musl", "Darwin", "Synchronization"]
    /// What is no target and no product of a package.
    static let systemModules = system.union(["Dispatch"])

    /// The files that import a module of C: one of each target, and one of each codec.
    static let holders = [
        "CQAMKernels.Pairs": [
            "QAMFormat/Codec/Kernels.swift", "QAMFormat/Codec/Pairs/Kernels+Pairs.swift", "Quantization/Encoding/Pairs/PairKernels.swift",
        ],
        "CQAMKernels.Polar": ["QAMFormat/Codec/Polar/PolarCodebook.swift", "Quantization/Encoding/Polar/PolarSearch.swift"],
        "CQAMKernels.Integers": ["QAMFormat/Codec/Int8/IntegerKernels.swift"],
        "CQAMKernels.Feedback": [
            "Quantization/Kernels/FeedbackKernels.swift", "Quantization/Encoding/Pairs/PairKernels.swift",
            "Quantization/Encoding/Polar/PolarSearch.swift", "Quantization/Encoding/Int8/Int8Coder.swift",
        ],
        "CQAMKernels.Blocks": ["QAMFormat/Tensors/GGMLBlocks.swift"],
        "CQAMKernels.Floats": ["Inference/Kernels/FloatKernels.swift"],
        "CQAMCodebooks": ["QAMFormat/Codec/Pairs/Codebook+BuiltIn.swift", "QAMFormat/Codec/Polar/PolarCodebook+BuiltIn.swift"],
        "CZstd": ["QAMFormat/Bytes/ZstdFrames.swift"],
        "CXXHash": ["QAMFormat/Bytes/XXH3.swift"],
    ]

    /// Folders of a target that do not use each other, in this direction; where it stands twice, in none.
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

    /// Uses that close a cycle today. Without each there is one cycle fewer, and what is no longer used, or closes none, must go from here.
    static let knownCycles: [(target: String, folder: String, from: String, to: String)] = []

    /// Members that the standard library has too: their name does not say whose they are.
    static let standardMembers: Set<String> = [
        "append", "apply", "bitPattern", "bytes", "code", "contains", "count", "description", "first", "indices", "insert", "interrupted", "isEmpty",
        "isSubset", "last", "map", "none", "prefix", "rawValue", "reduce", "remove", "removeAll", "reserveCapacity", "rounded", "suffix", "values",
    ]

    /// The headers of the system that C targets may include.
    static let headers: Set<String> = [
        "arm_neon.h", "immintrin.h", "math.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h", "sys/auxv.h", "sys/sysctl.h",
    ]

    /// Functions of the tests that say for their callers what must hold.
    static let assertingHelpers: Set<String> = ["expectRefused", "expectError", "expectClose", "check"]
}
