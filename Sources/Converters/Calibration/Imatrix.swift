internal import QAMFormat

/// llama.cpp's importance matrix: E[x^2] of the channels of each matrix's input, as calibration statistics. A GGUF file, or the older kind
/// without a signature: i32 entries; each i32 length, name, i32 calls, i32 count, f32[count] with E[x^2] times the calls.
///
/// Matrices of one layer with equal statistics read the same input. The experts of a matrix are taken together.
struct Imatrix: TensorSource {
    let metadata: Metadata
    let tensors: [TensorDescriptor]
    let inputs: [String]
    let fingerprint: String
    private let payloads: [[UInt8]]

    private struct Entry {
        var name: String
        var meanSquares: [Float]
    }

    /// Reads all of the file; O(its bytes).
    ///
    /// - Throws: `QAMError.malformed` for what is no importance matrix, with the place.
    init(path: String) throws {
        let file = try FileBytes(path: path)
        let entries = try FileKind.of(file) == .gguf ? Self.entries(GGUFSource(path: path)) : Self.entries(file)
        self.init(entries, path: path)
    }

    private init(_ entries: [Entry], path: String) {
        struct Input: Hashable {
            let layer: Substring
            let meanSquares: [Float]
        }
        var groups: [[JSONValue]] = [], groupOfInput: [Input: Int] = [:]
        for entry in entries {
            // blk.7.attn_q.weight is of layer blk.7.
            let parts = entry.name.split(separator: ".", maxSplits: 2)
            let layer = parts.count == 3 ? entry.name.prefix(upTo: parts[1].endIndex) : Substring(entry.name)
            let input = Input(layer: layer, meanSquares: entry.meanSquares)
            if let group = groupOfInput[input] {
                groups[group].append(.string(entry.name))
            } else {
                groupOfInput[input] = groups.count
                groups.append([.string(entry.name)])
            }
        }
        var metadata = Metadata()
        metadata.set(CalibrationLayout.inputsKey, .string(JSONWriter.text(.array(groups.map { .array($0) }))))
        self.metadata = metadata
        tensors = entries.map {
            TensorDescriptor(name: CalibrationLayout.name($0.name, .meanSquare), shape: [$0.meanSquares.count], storage: .raw(.f32))
        }
        payloads = entries.map { entry in
            entry.meanSquares.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
        }
        fingerprint = "imatrix \(XXH3.hash(payloads.flatMap(\.self)))"
        inputs = [path]
    }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard units.lowerBound >= 0, units.upperBound <= payloads[tensor].count else {
            throw QAMError(.invalidArgument, "the statistics have \(payloads[tensor].count) bytes, not \(units)", at: .init(tensor: tensors[tensor].name))
        }
        return TensorChunk(streams: [Array(payloads[tensor][units])])
    }

    // MARK: The kind in GGUF

    private static func entries(_ source: GGUFSource) throws -> [Entry] {
        guard case .string("imatrix") = source.metadata["general.type"] else {
            throw QAMError(.malformed, "this GGUF file is no imatrix: it has no statistics of inputs")
        }
        var tensorOfName: [String: Int] = [:]
        for (index, tensor) in source.tensors.enumerated() { tensorOfName[tensor.name] = index }
        var entries: [Entry] = []
        for (index, tensor) in source.tensors.enumerated() where tensor.name.hasSuffix(".in_sum2") {
            let name = String(tensor.name.dropLast(".in_sum2".count))
            guard let counts = tensorOfName["\(name).counts"], tensor.storage == .raw(.f32), source.tensors[counts].storage == .raw(.f32),
                let width = tensor.shape.last, width > 0, source.tensors[counts].elementCount == tensor.elementCount / width
            else {
                throw QAMError(.malformed, "sums and counts do not belong together, or are no F32", at: .init(tensor: tensor.name))
            }
            let sums = try floats(source, index), seen = try floats(source, counts).map { $0 == 0 ? 1 : Double($0) }
            let total = seen.reduce(0, +)
            let means = (0..<width).map { channel in
                Float(stride(from: channel, to: sums.count, by: width).reduce(0) { $0 + Double(sums[$1]) } / total)
            }
            entries.append(Entry(name: name, meanSquares: means))
        }
        return entries
    }

    private static func floats(_ source: GGUFSource, _ tensor: Int) throws -> [Float] {
        let count = source.tensors[tensor].elementCount
        return try source.withElements(0..<4 * count, of: tensor) { bytes in
            var values = [Float](repeating: 0, count: count)
            var span = values.mutableSpan
            try ElementConversion.floats(bytes, as: .f32, into: &span)
            return values
        }
    }

    // MARK: The older kind

    private static func entries(_ file: FileBytes) throws -> [Entry] {
        var offset = 0
        func bytes(_ count: Int) throws -> [UInt8] {
            guard count <= file.byteCount - offset else {
                throw QAMError(.malformed, "neither calibration statistics nor an imatrix, or cut off", at: .init(offset: offset))
            }
            defer { offset += count }
            return try file.read(offset..<offset + count)
        }
        func word() throws -> UInt32 { try bytes(4).reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        func count(_ what: String, from least: Int = 1) throws -> Int {
            let start = offset, value = Int(Int32(bitPattern: try word()))
            guard value >= least else {
                throw QAMError(.malformed, "neither calibration statistics nor an imatrix: \(what) is \(value)", at: .init(offset: start))
            }
            return value
        }
        var entries: [Entry] = [], names: Set<String> = []
        for _ in 0..<(try count("the number of entries")) {
            let start = offset
            guard let name = String(validating: try bytes(count("the length of a name")), as: UTF8.self), names.insert(name).inserted else {
                throw QAMError(.malformed, "an imatrix entry's name is not UTF-8, or stands twice", at: .init(offset: start))
            }
            let calls = Float(max(1, try count("the calls of \(name)", from: 0))), width = try count("the values of \(name)")
            let stored = try bytes(4 * width)
            let means = (0..<width).map { index in
                Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(stored[4 * index + $1]) << (8 * $1) }) / calls
            }
            entries.append(Entry(name: name, meanSquares: means))
        }
        return entries
    }
}
