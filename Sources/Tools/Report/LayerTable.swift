internal import QAMFormat

/// The matrices of a model by layer, with the bits or the type of each: one row for a layer or for consecutive ones that are alike.
struct LayerTable {
    /// How a matrix is stored, as it is shown: its nominal bits, or its type.
    typealias Describe = (TensorDescriptor) -> String

    /// The lines are no longer than this.
    private static let width = 80

    /// A layer, or a tensor outside of layers.
    private struct Part {
        var title: String
        /// The number of a layer.
        var number: Int?
        /// How the matrices of each kind are stored.
        var cells: [String: String] = [:]
        var size = Size()
        /// How many parts are shown as this one.
        var count = 1

        func isLike(_ other: Part) -> Bool { title == other.title && number != nil && other.number != nil && cells == other.cells && size == other.size }
    }

    private struct Size: Equatable {
        var weights = 0
        var bytes = 0
    }

    private let parts: [Part]
    private let kinds: [String]

    /// O(tensors).
    init(_ source: any TensorSource, describe: Describe) {
        var parts: [Part] = [], places: [String: Int] = [:], kinds: [String] = []
        for tensor in source.tensors where tensor.shape.count >= 2 {
            if case .alias = tensor.storage { continue }
            let name = Self.parsed(tensor.name), key = name.number.map { "\(name.part) \($0)" } ?? name.part
            let place = places[key] ?? parts.count
            places[key] = place
            if place == parts.count { parts.append(Part(title: name.part, number: name.number)) }
            if name.number != nil {
                let cell = describe(tensor), known = parts[place].cells[name.kind]
                parts[place].cells[name.kind] = known == nil || known == cell ? cell : "mixed"
                if !kinds.contains(name.kind) { kinds.append(name.kind) }
            } else {
                parts[place].cells[""] = describe(tensor)
            }
            parts[place].size.weights += tensor.elementCount
            parts[place].size.bytes += tensor.byteCount
        }
        // Outside of layers in the file's order, then the layers by number.
        let numbered = parts.filter { $0.number != nil }.sorted { ($0.title, $0.number ?? 0) < ($1.title, $1.number ?? 0) }
        var merged: [Part] = []
        for part in parts.filter({ $0.number == nil }) + numbered {
            if let last = merged.last, last.isLike(part), (last.number ?? 0) + last.count == part.number {
                merged[merged.count - 1].count += 1
            } else {
                merged.append(part)
            }
        }
        self.parts = merged
        self.kinds = kinds
    }

    /// Nothing without layers. What would make lines too long is left out: the numbers of weights, then what each matrix has.
    var lines: [String] {
        guard parts.contains(where: { $0.number != nil }) else { return [] }
        let tables = [table(kinds, hasWeights: true).lines, table(kinds, hasWeights: false).lines]
        return tables.first { $0.allSatisfy { $0.count <= Self.width } } ?? table([], hasWeights: true).lines
    }

    private func table(_ kinds: [String], hasWeights: Bool) -> Table {
        var table = Table(
            [("LAYER", .left)] + kinds.map { ($0, .right) } + (hasWeights ? [("WEIGHTS", .right)] : []) + [("BYTES", .right), ("BITS", .right)])
        for part in parts {
            let size = part.size, bits = size.weights > 0 ? Format.decimal(8 * Double(size.bytes) / Double(size.weights), 2) : ""
            let title =
                switch (part.number, part.count) {
                case (nil, _): part.title
                case (let number?, 1): "\(number)"
                case (let number?, let count): "\(number)-\(number + count - 1), each"
                }
            table.add([title] + kinds.map { part.cells[$0] ?? "" } + (hasWeights ? [Format.count(size.weights)] : []) + [Format.bytes(size.bytes), bits])
        }
        return table
    }

    /// `model.layers.3.self_attn.q_proj.weight` is matrix q of layer 3, of the layers `model.layers`; numbers after the first, of experts, do not count.
    private static func parsed(_ name: String) -> (part: String, number: Int?, kind: String) {
        var words = name.split(separator: ".").map(String.init)
        if words.count > 1, words.last == "weight" { words.removeLast() }
        guard let place = words.firstIndex(where: { Int($0) != nil }), place + 1 < words.count else { return (words.last ?? name, nil, "") }
        let rest = words[(place + 1)...].filter { Int($0) == nil }
        var kind = rest.last ?? ""
        for ending in ["_proj", ".weight"] where kind.hasSuffix(ending) { kind.removeLast(ending.count) }
        for start in ["attn_", "ffn_"] where kind.hasPrefix(start) { kind.removeFirst(start.count) }
        return (words[..<place].joined(separator: "."), Int(words[place]), kind)
    }
}
