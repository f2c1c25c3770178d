/// The parts of a tensor in its file.
package enum TensorPart: Hashable, Sendable {
    /// The elements of a raw tensor.
    case elements
    /// A stream of a coded tensor.
    case stream(StreamRole)
    /// The codebook record of a coded tensor.
    case codebook
}

/// Access to the stored bytes by part and range.
extension TensorView {
    /// The length of a part, decompressed. Throws `invalidArgument` if the tensor has no such part.
    package func byteCount(of part: TensorPart) throws -> Int {
        try requireReadable()
        return switch (part, descriptor.storage) {
        case (.elements, .raw): descriptor.byteCount
        case (.stream(let role), .coded(let coding)): coding.streams[try number(role, in: coding)].byteCount(rows: rows)
        case (.codebook, .coded): try withCodebook { $0.byteCount }
        case (.elements, _): throw error(.invalidArgument, "the tensor is coded")
        default: throw error(.invalidArgument, "the tensor is not coded")
        }
    }

    /// Passes a range of a part's decompressed bytes to `body`, by default all.
    package func withBytes<Result>(
        of part: TensorPart, _ range: Range<Int>? = nil, _ body: (RawSpan) throws -> Result
    ) throws -> Result {
        let count = try byteCount(of: part)
        let range = range ?? 0..<count
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw error(.invalidArgument, "bytes \(range) are asked for of \(count)")
        }
        switch (part, descriptor.storage) {
        case (.stream(let role), .coded(let coding)):
            return try file.payload.withBytes(extent(number(role, in: coding)), range, body)
        case (.codebook, _): return try withCodebook { try body($0.extracting(range)) }
        default: return try withBytes(range, body)
        }
    }

    /// Whether payload bytes are in the file's mapping, which stays valid as long as the reader.
    package var isMapped: Bool { file.bytes is MappedBytes && file.directory.form(of: place).compression == .none }

    private func number(_ role: StreamRole, in coding: Coding) throws -> Int {
        guard let number = coding.streams.firstIndex(where: { $0.role == role }) else {
            throw error(.invalidArgument, "the tensor has no stream of \(role.name)")
        }
        return number
    }
}
