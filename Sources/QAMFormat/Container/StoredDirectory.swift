/// The directory of an open file (spec section 6.2), kept in its encoded form.
///
/// Opening creates no object per tensor: for each it stores only the position of its record and its form. Since the tensors of a model are alike, what they
/// have in common is stored once; names and offsets are read from the record on demand. Every instance has been validated.
package struct StoredDirectory: Sendable {
    /// What records have in common that differ only in name and offsets.
    package struct Form: Sendable {
        package let shape: [Int]
        package let storage: TensorDescriptor.Storage
        package let compression: Compression
        /// The index of the first tensor of this form.
        package let first: Int
        /// That tensor's record without its name.
        let bytes: Range<Int>
        /// One for a raw tensor, one for each stream of a coded one, none for an alias.
        let extents: [Extent]

        /// The bytes of a tensor of this form before compression, saturated to what Int can hold.
        var contentLength: Int {
            if case .raw(let dtype) = storage { return dtype.byteCount(elements: shape.reduce(1, &*)) ?? .max }
            return extents.reduce(0) { sum, extent in
                let (more, overflow) = sum.addingReportingOverflow(extent.length)
                return overflow ? .max : more
            }
        }

        struct Extent: Sendable {
            var section: SectionName
            var length: Int
            /// The position of the offset field, relative to the end of the record's name.
            var field: Int
        }

        /// Whether a record's bytes, from the end of its name on, are of this form.
        func matches(_ directory: [UInt8], at position: Int) -> Bool {
            guard bytes.count <= directory.count - position else { return false }
            func matches(_ part: Range<Int>) -> Bool {
                directory.span.extracting(position + part.lowerBound..<position + part.upperBound)
                    .equals(directory.span.extracting(bytes.lowerBound + part.lowerBound..<bytes.lowerBound + part.upperBound))
            }
            var start = 0
            for index in extents.indices {
                guard matches(start..<extents[index].field) else { return false }
                start = extents[index].field + 8
            }
            return matches(start..<bytes.count)
        }
    }

    package enum Owner: Hashable, Sendable {
        case tensor(Int)
        case file(Int)
    }

    /// An extent with its owner and its number: tensors' extents come first, in directory order.
    package struct OwnedExtent: Hashable, Sendable {
        package var owner: Owner
        package var number: Int
        package var extent: SectionExtent
    }

    private struct Record: Sendable {
        var nameStart: Int
        // No directory within readers' limits has 2^32 forms or extents.
        var form: UInt32
        var firstExtent: UInt32
    }

    private let bytes: [UInt8]
    private var records: [Record] = []
    private var index = NameIndex()
    package private(set) var forms: [Form] = []
    package internal(set) var files: [Directory.File] = []
    /// The totals of all tensors and files.
    package internal(set) var totals = TensorTotals()
    /// The number of the extents of all tensors.
    package private(set) var extentCount = 0
    /// The end of the extents in each section.
    package internal(set) var placement = Placement()

    /// The number of tensors.
    package var count: Int { records.count }

    package func formNumber(of tensor: Int) -> Int { Int(records[tensor].form) }

    package func form(of tensor: Int) -> Form { forms[formNumber(of: tensor)] }

    package func name(of tensor: Int) -> String { String(decoding: bytes[nameRange(tensor)], as: UTF8.self) }

    package func descriptor(_ tensor: Int) -> TensorDescriptor {
        let form = form(of: tensor)
        return TensorDescriptor(name: name(of: tensor), shape: form.shape, storage: form.storage)
    }

    /// The index of the tensor with this name. O(1).
    package func position(of name: String) -> Int? {
        let name = name.utf8Span.span
        return index.position(hash: NameIndex.hash(name)) { bytes.span.extracting(nameRange($0)).equals(name) }
    }

    /// Whether a tensor's name has these bytes.
    func hasName(_ tensor: Int, _ name: Span<UInt8>) -> Bool { bytes.span.extracting(nameRange(tensor)).equals(name) }

    /// The extent of a tensor's stream, or a raw tensor's only extent.
    package func extent(_ number: Int, of tensor: Int) -> OwnedExtent {
        let record = records[tensor], place = forms[Int(record.form)].extents[number]
        let extent = SectionExtent(
            section: place.section, offset: offset(at: nameRange(tensor).upperBound + place.field), length: place.length)
        return OwnedExtent(owner: .tensor(tensor), number: Int(record.firstExtent) + number, extent: extent)
    }

    package func extents(of tensor: Int) -> [OwnedExtent] {
        form(of: tensor).extents.indices.map { extent($0, of: tensor) }
    }

    package func extent(ofFile file: Int) -> OwnedExtent {
        OwnedExtent(owner: .file(file), number: extentCount + file, extent: files[file].extent)
    }

    /// All extents of a section, in order of offset.
    package func extents(in section: SectionName) -> [OwnedExtent] {
        if section == .files { return files.indices.map(extent(ofFile:)) }
        return records.indices.flatMap { tensor in
            form(of: tensor).extents.indices.lazy.filter { form(of: tensor).extents[$0].section == section }.map { extent($0, of: tensor) }
        }
    }

    /// The name of a tensor or file.
    package func name(of owner: Owner) -> String {
        switch owner {
        case .tensor(let index): name(of: index)
        case .file(let index): files[index].name
        }
    }

    private func nameRange(_ tensor: Int) -> Range<Int> {
        let start = records[tensor].nameStart
        return start..<start + Int(integer(at: start - 4, as: UInt32.self))
    }

    private func offset(at position: Int) -> Int { Int(integer(at: position, as: UInt64.self)) }

    private func integer<T: FixedWidthInteger & BitwiseCopyable>(at position: Int, as type: T.Type) -> T {
        T(littleEndian: unsafe bytes.span.extracting(position..<position + MemoryLayout<T>.size).bytes.unsafeLoadUnaligned(as: T.self))
    }
}

/// Used by the parser.
extension StoredDirectory {
    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func reserveCapacity(_ count: Int) { records.reserveCapacity(count) }

    mutating func append(nameStart: Int, form: Int) {
        records.append(Record(nameStart: nameStart, form: UInt32(form), firstExtent: UInt32(extentCount)))
        extentCount += forms[form].extents.count
    }

    mutating func append(_ form: Form) { forms.append(form) }

    /// Places the extents of a record of this form, whose name ends at `position`. Returns false and changes nothing if an offset is wrong.
    mutating func takeExtents(of form: Int, at position: Int) -> Bool {
        var placement = placement
        for index in forms[form].extents.indices {
            let extent = forms[form].extents[index]
            guard let offset = Int(exactly: integer(at: position + extent.field, as: UInt64.self)),
                placement.take(extent.section, offset: offset, length: extent.length)
            else { return false }
        }
        self.placement = placement
        return true
    }

    /// Indexes all names. Returns the first tensor with the name of an earlier one.
    mutating func indexNames() -> Int? {
        var index = NameIndex(capacity: count)
        for tensor in records.indices {
            let name = bytes.span.extracting(nameRange(tensor))
            guard index.insert(tensor, hash: NameIndex.hash(name), isSame: { bytes.span.extracting(nameRange($0)).equals(name) }) else { return tensor }
        }
        self.index = index
        return nil
    }
}
