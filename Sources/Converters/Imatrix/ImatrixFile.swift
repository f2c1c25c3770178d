package import QAMFormat

/// llama.cpp's importance matrix in its older form, without a signature, presented as the tensors of the newer GGUF form: `NAME.in_sum2`
/// and `NAME.counts` for each matrix.
///
/// Little-endian: i32 number of entries; for each: i32 length, name, i32 calls, i32 count, f32[count] with E[x^2] times the calls.
package struct ImatrixFile: LendingSource {
    package let metadata: Metadata
    package let tensors: [TensorDescriptor]
    package let inputs: [String]
    package let fingerprint: String
    private let payloads: [[UInt8]]

    /// Reads the whole file; O(bytes).
    ///
    /// - Throws: `QAMError.malformed`, with the place, if it is not an importance matrix.
    package init(path: String) throws {
        let file = try FileBytes(path: path)
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
        var tensors: [TensorDescriptor] = [], payloads: [[UInt8]] = [], names: Set<String> = []
        for _ in 0..<(try count("the number of entries")) {
            let start = offset
            guard let name = String(validating: try bytes(count("the length of a name")), as: UTF8.self), names.insert(name).inserted else {
                throw QAMError(.malformed, "an imatrix entry's name is not UTF-8, or is given twice", at: .init(offset: start))
            }
            let calls = Float(max(1, try count("the calls of \(name)", from: 0))), width = try count("the values of \(name)")
            payloads.append(try bytes(4 * width))
            tensors.append(TensorDescriptor(name: "\(name).in_sum2", shape: [1, width], storage: .raw(.f32)))
            payloads.append(try ElementConversion.bytes([calls], as: .f32))
            tensors.append(TensorDescriptor(name: "\(name).counts", shape: [1, 1], storage: .raw(.f32)))
        }
        var metadata = Metadata()
        metadata.set("general.type", .string("imatrix"))
        self.metadata = metadata
        self.tensors = tensors
        self.payloads = payloads
        fingerprint = "imatrix \(XXH3.hash(payloads.flatMap(\.self)))"
        inputs = [path]
    }

    package func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let place = try range.placed(in: 0..<payloads[tensor].count, of: tensors[tensor])
        let payload = payloads[tensor]
        return try unsafe body(payload.span.extracting(place).bytes)
    }
}
