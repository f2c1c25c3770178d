/// Where a piece of a chunked section lies: offsets count from the section's begin.
package struct SectionExtent: Hashable, Sendable {
    package var section: SectionName
    package var offset: Int
    /// Stored bytes.
    package var length: Int

    package var end: Int { offset + length }
    package var chunkCount: Int { Self.chunkCount(length: length) }

    /// The chunks that so many bytes are cut into.
    package static func chunkCount(length: Int) -> Int { ChunkHashes.count(of: length) }

    /// Each hash covers this many bytes; the last of an extent may cover fewer.
    package static let chunkSize = ChunkHashes.chunkSize
    /// Extents begin at multiples of it.
    package static let alignment = 64
}

/// How an extent's bytes are stored.
package enum Compression: UInt8, Hashable, Sendable {
    case none = 0
    /// Frames of 1 MiB and a table (spec section 5.3).
    case zstdFrames = 1
}

/// The table of contents of a file that is being written: tensors and embedded files with their places (spec section 6.2).
/// That of an open file is a `StoredDirectory`.
///
/// The extents of all tensors lie in one list: a model has thousands of tensors, and a list for each would cost too much.
package struct Directory: Sendable {
    /// Where a tensor's payload lies.
    package struct Place: Hashable, Sendable {
        // A tensor has at most 255 streams, and the extents of 2^32 would fill no directory that readers accept.
        fileprivate var firstExtent: UInt32
        fileprivate var extentCount: UInt8
        package var compression: Compression

        /// Its extents in `Directory.extents`: one for a raw tensor, one for each stream of a coded one, none for an alias.
        package var extents: Range<Int> { Int(firstExtent)..<Int(firstExtent) + Int(extentCount) }
    }

    package struct File: Hashable, Sendable {
        package var name: String
        package var contentLength: Int
        package var extent: SectionExtent
        /// Nil where this program does not know it.
        package var compression: Compression?
        package var role: EmbeddedFileRole
    }

    package private(set) var tensors: [TensorDescriptor] = []
    /// One for each tensor.
    package private(set) var places: [Place] = []
    package var extents: [SectionExtent] = []
    package var files: [File] = []

    package init() {}

    /// Adds a tensor whose extents are the last of `extents`, from `firstExtent` on.
    package mutating func append(_ tensor: consuming TensorDescriptor, firstExtent: Int, compression: Compression = .none) {
        tensors.append(tensor)
        places.append(
            Place(firstExtent: UInt32(firstExtent), extentCount: UInt8(extents.count - firstExtent), compression: compression))
    }

    /// The extents of the tensor at this index.
    package func extents(of tensor: Int) -> ArraySlice<SectionExtent> { extents[places[tensor].extents] }

    /// All extents of one section in the order in which they lie there.
    package func extents(in section: SectionName) -> [SectionExtent] {
        (section == .files ? files.map(\.extent) : extents).filter { $0.section == section }
    }
}

extension SectionName {
    /// The number of the section in the extents of tensors.
    package var extentNumber: UInt8? {
        switch self {
        case .raw: 0
        case .symbols: 1
        case .scales: 2
        default: nil
        }
    }

    package static func ofExtent(number: UInt8) -> SectionName? { allCases.first { $0.extentNumber == number } }
}

extension StreamRole {
    /// The section that carries streams of this role.
    package var section: SectionName { self == .symbols ? .symbols : .scales }
}

/// What the name of an embedded file may be: it becomes a file's name on somebody's disk.
public enum EmbeddedFileName {
    /// Whether a name is plain: no path, no control characters, at most 255 bytes.
    public static func isValid(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 255, name != ".", name != ".." else { return false }
        return name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") }
    }
}
