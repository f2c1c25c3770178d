internal import QAMFormat

/// Removes members of objects from a JSON text and preserves every other byte, so that hand-written files keep their order, spacing and numbers.
package enum JSONMemberRemoval {
    /// `isRemoved` is called with the path of keys of each member of nested objects, from the outside in. Objects in arrays are kept. Throws
    /// `malformed`.
    package static func removing(from bytes: [UInt8], _ isRemoved: (_ path: [String]) -> Bool) throws -> [UInt8] {
        var reader = JSONReader(bytes, section: "JSON", takingNonFinite: true)
        var cuts: [Range<Int>] = []
        try visit(&reader, [], isRemoved, &cuts)
        try reader.end()
        var result = bytes
        for cut in cuts.sorted(by: { $0.lowerBound > $1.lowerBound }) { result.removeSubrange(cut) }
        return result
    }

    private static func visit(_ reader: inout JSONReader, _ path: [String], _ isRemoved: ([String]) -> Bool, _ cuts: inout [Range<Int>]) throws {
        guard try reader.peek() == .object else { return try reader.skip() }
        // After the brace, and after each member's value.
        var ends = [reader.position + 1]
        var removed: [Bool] = []
        try reader.object { reader, key in
            let isCut = isRemoved(path + [key])
            if isCut { try reader.skip() } else { try visit(&reader, path + [key], isRemoved, &cuts) }
            removed.append(isCut)
            ends.append(reader.position)
        }
        let firstKept = removed.firstIndex(of: false)
        for (member, isCut) in removed.enumerated() where isCut {
            // A member goes with the comma before it; those before the first that stays go with the comma after them.
            if let firstKept, member < firstKept {
                let next = Self.start(ofMemberAfter: ends[member + 1], in: reader)
                cuts.append(Self.start(ofMemberAfter: ends[member], in: reader)..<next)
            } else {
                cuts.append(ends[member]..<ends[member + 1])
            }
        }
    }

    /// The position of the next member's key, after white space and a comma.
    private static func start(ofMemberAfter end: Int, in reader: JSONReader) -> Int {
        reader.bytes[end...].firstIndex(of: UInt8(ascii: "\"")) ?? end
    }
}
