/// Where a piece of a chunked section lies: offsets count from the section's begin.
package struct SectionExtent: Hashable, Sendable {
    package var section: SectionName
    package var offset: Int
    /// Stored bytes.
    package var length: Int

    package var end: Int { offset + length }
    package var chunkCount: Int { Self.chunkCount(length: length) }

    /// The chunks that so many bytes are cut into.
    package static func chunkCount(length: Int) -> Int { (length + chunkSize - 1) / chunkSize }

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

/// The table of contents: tensors and embedded files with their places (spec section 6.2).
package struct Directory: Hashable, Sendable {
    package struct Tensor: Hashable, Sendable {
        package var descriptor: TensorDescriptor
        /// One for a raw tensor, one for each stream of a coded one, none for an alias.
        package var extents: [SectionExtent]
        package var compression: Compression
    }

    package struct File: Hashable, Sendable {
        package var name: String
        package var contentLength: Int
        package var extent: SectionExtent
        package var compression: Compression
    }

    package var tensors: [Tensor] = []
    package var files: [File] = []
    /// Of a directory that has been read: where its extents end, and which tensor has which name.
    package internal(set) var placement = Placement()
    package internal(set) var index: [ExactName: Int] = [:]

    /// All extents of one section in the order in which they lie there, with whose they are.
    package func extents(in section: SectionName) -> [(owner: Owner, extent: SectionExtent)] {
        if section == .files { return files.indices.map { (.file($0), files[$0].extent) } }
        return tensors.indices.flatMap { index in
            tensors[index].extents.lazy.filter { $0.section == section }.map { (.tensor(index), $0) }
        }
    }

    package enum Owner: Hashable, Sendable {
        case tensor(Int)
        case file(Int)
    }
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
