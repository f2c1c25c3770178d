package import QAMFormat

/// The header of a safetensors file, read from untrusted input and fully validated.
///
/// The header length is limited before anything is allocated; shapes, sizes and offsets use checked arithmetic; the size of every tensor
/// must match its shape and type; and the tensors must tile the data without gap or overlap.
package struct SafetensorsHeader: Sendable {
    package struct Entry: Sendable {
        package var name: String
        package var dtype: DType
        package var shape: [Int]
        /// The payload, relative to the start of the data.
        package var range: Range<Int>
    }

    /// The maximum header size in bytes, as in the reference implementation.
    package static let maximumLength = 100_000_000

    /// In the order of their payloads; empty tensors precede others at the same offset.
    package let entries: [Entry]
    package let metadata: Metadata
    /// The offset of the first payload byte in the file.
    package let dataStart: Int
    /// XXH3 of the header's JSON.
    package let hash: UInt64
    package let warnings: [String]

    /// Reads and validates the header. Throws `malformed`, `truncated`, `limitExceeded`, or `io`. O(n log n) for n tensors.
    package init(reading file: any ByteSource) throws {
        do {
            let json = try Self.json(of: file)
            dataStart = 8 + json.count
            hash = XXH3.hash(json)
            var parser = SafetensorsHeaderParser()
            try parser.parse(json)
            metadata = try SafetensorsMetadata.metadata(from: parser.metadata)
            warnings = parser.warnings
            entries = try Self.tiled(parser.entries, byteCount: file.byteCount - dataStart)
            try Self.checkTotals(entries)
        } catch let error as QAMError {
            throw error.inFile(file.name)
        }
    }

    private static func json(of file: any ByteSource) throws -> [UInt8] {
        let place = QAMError.Place(section: "header length", offset: 0, length: 8)
        guard file.byteCount >= 8 else {
            throw QAMError(.truncated, "the file has only \(file.byteCount) bytes, not even the length of a header", at: place)
        }
        let stored = try file.read(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard stored <= UInt64(maximumLength) else {
            throw QAMError(.limitExceeded, "a header of \(stored) bytes is beyond the limit of \(maximumLength)", at: place)
        }
        let length = Int(stored)
        guard length <= file.byteCount - 8 else {
            throw QAMError(.truncated, "the header is to have \(length) bytes, but the file has only \(file.byteCount) in all", at: place)
        }
        let json = try file.read(8..<8 + length)
        guard json.first == UInt8(ascii: "{") else {
            throw QAMError(.malformed, "the header does not begin with a brace", at: .init(section: "header", offset: 8))
        }
        return json
    }

    /// Checks the totals over all tensors.
    private static func checkTotals(_ entries: [Entry]) throws {
        var totals = TensorTotals()
        for entry in entries {
            do {
                try totals.add(shape: entry.shape, bytes: entry.range.count)
            } catch let error as QAMError {
                throw QAMError(error.code, error.message, at: .init(section: "header", tensor: entry.name))
            }
        }
    }

    /// Sorts the entries by offset and checks that they tile the data.
    private static func tiled(_ entries: [Entry], byteCount: Int) throws -> [Entry] {
        let order = entries.indices.sorted {
            let (left, right) = (entries[$0].range, entries[$1].range)
            return (left.lowerBound, left.upperBound, $0) < (right.lowerBound, right.upperBound, $1)
        }
        var end = 0
        for index in order {
            let entry = entries[index]
            guard entry.range.lowerBound == end else {
                let fault = entry.range.lowerBound > end ? "leaves a hole behind" : "overlaps"
                throw QAMError(
                    .malformed, "its data begin at \(entry.range.lowerBound), which \(fault) what ends at \(end)",
                    at: .init(section: "header", tensor: entry.name))
            }
            end = entry.range.upperBound
        }
        guard end <= byteCount else {
            throw QAMError(
                .truncated, "the tensors need \(end) bytes of data, but the file has only \(byteCount)",
                at: .init(section: "data"))
        }
        guard end == byteCount else {
            throw QAMError(.malformed, "\(byteCount - end) bytes follow the last tensor", at: .init(section: "data"))
        }
        return order.map { entries[$0] }
    }
}
