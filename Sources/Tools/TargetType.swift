internal import ArgumentParser
internal import Converters
internal import QAMFormat

/// The types that floating-point tensors are converted to.
enum TargetType: Hashable, ExpressibleByArgument {
    case keep
    case plain(DType)
    /// For GGUF.
    case blocks(BlockTypes)

    private static let plainTypes: [(name: String, dtype: DType)] = [("f32", .f32), ("f16", .f16), ("bf16", .bf16)]

    /// Names as of llama.cpp, in either case.
    init?(argument: String) {
        let name = argument.lowercased()
        if name == "keep" {
            self = .keep
        } else if let plain = Self.plainTypes.first(where: { $0.name == name }) {
            self = .plain(plain.dtype)
        } else if let types = BlockTypes.named(name) {
            self = .blocks(types)
        } else {
            return nil
        }
    }

    static var allValueStrings: [String] { ["keep"] + plainTypes.map(\.name) + BlockTypes.all.map(\.name) }

    var name: String {
        switch self {
        case .keep: "keep"
        case .plain(let dtype): dtype.name.lowercased()
        case .blocks(let types): types.name
        }
    }

    var defaultValueDescription: String { name }

    var isBlockType: Bool { if case .blocks = self { true } else { false } }

    /// Whether scales are searched, so that mean squares of inputs help. Q8_0 is encoded as ggml does.
    var isSearched: Bool { if case .blocks(let types) = self { types.base != .q8_0 } else { false } }
}
