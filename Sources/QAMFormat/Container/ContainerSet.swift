/// The files of an open model, one or all files of a set (spec section 6.9), and the location of each tensor.
package struct ContainerSet: Sendable {
    /// A file, and the index of a tensor in it.
    private struct Place: Sendable {
        var file: UInt32
        var tensor: UInt32
    }

    /// In order: the first has the metadata and the embedded files.
    package let files: [ContainerFile]
    /// The section of the first file of a set, which lists the tensors.
    private let index: ShardSection?
    /// In a set: the location of each tensor of the model, and for each file the indices of its tensors in the model.
    private var places: [Place] = []
    private var positions: [[UInt32]] = []

    /// A file on its own, whether or not it belongs to a set.
    init(alone file: ContainerFile) {
        files = [file]
        index = nil
    }

    /// The model in the file at `path`, or in the set whose first file it is: `open` opens the others. Throws `malformed` if files are missing,
    /// are not those that the first was written with, or contradict it.
    init(first: ContainerFile, at path: String, open: (String) throws -> ContainerFile) throws {
        guard let index = first.shard, index.number == 1 else {
            files = [first]
            self.index = nil
            return
        }
        let others = try ShardName.others(
            first: path, count: index.count, fileExtension: ContainerFile.fileExtension, section: SectionName.shards.rawValue
        ).map(open)
        files = [first] + others
        self.index = index
        for (number, file) in files.enumerated().dropFirst() { try Self.check(file, number: number, first, index) }
        try place(index)
        try checkTotals()
    }

    package var first: ContainerFile { files[0] }
    package var isSet: Bool { index != nil }

    /// The number of all tensors.
    var tensorCount: Int { index?.tensorCount ?? first.directory.count }

    /// The file that holds a tensor, and the tensor's index there.
    package func located(_ tensor: Int) -> (file: Int, tensor: Int) {
        if places.isEmpty { return (0, tensor) }
        return (Int(places[tensor].file), Int(places[tensor].tensor))
    }

    /// The index in the model of a file's tensor.
    func position(of tensor: Int, in file: Int) -> Int { index == nil ? tensor : Int(positions[file][tensor]) }

    /// The index of the tensor with this name. O(1).
    func position(of name: String) -> Int? {
        if let index { return index.position(of: name) }
        return first.directory.position(of: name)
    }

    func descriptor(_ tensor: Int) -> TensorDescriptor {
        let (file, local) = located(tensor)
        var descriptor = files[file].directory.descriptor(local)
        if case .alias(let target) = descriptor.storage { descriptor.storage = .alias(of: position(of: target, in: file)) }
        return descriptor
    }

    // MARK: Opening

    /// Throws if a file is not the one that the first was written with.
    private static func check(_ file: ContainerFile, number: Int, _ first: ContainerFile, _ index: ShardSection) throws {
        func fault(_ message: String) -> QAMError {
            QAMError(.malformed, message, at: .init(file: file.bytes.name, section: SectionName.shards.rawValue))
        }
        guard let shard = file.shard else { throw fault("the file belongs to no set, but its name is that of file \(number + 1) of one of \(index.count)") }
        guard shard.number == number + 1, shard.count == index.count else {
            throw fault("by its name it is file \(number + 1) of a set of \(index.count), but it says that it is file \(shard.number) of \(shard.count)")
        }
        guard file.sections.identity == index.identities[number - 1] else {
            throw fault("it is not the file that the first of the set was written with: take all files from one place")
        }
        guard file.shared == first.shared else { throw fault("its codebooks and seeds are not those of the first file") }
    }

    /// Locates all tensors: each file holds those that the index assigns to it, in the order of the index.
    private mutating func place(_ index: ShardSection) throws {
        positions = files.map { file in
            var positions: [UInt32] = []
            positions.reserveCapacity(file.directory.count)
            return positions
        }
        places.reserveCapacity(index.tensorCount)
        for tensor in 0..<index.tensorCount {
            let number = index.file(of: tensor)
            let local = positions[number].count
            let directory = files[number].directory
            guard local < directory.count, index.withName(of: tensor, { directory.hasName(local, $0) }) else {
                throw fault(index.name(of: tensor), files[number], "the first file of the set says that the tensor comes next in this file, but it does not")
            }
            places.append(Place(file: UInt32(number), tensor: UInt32(local)))
            positions[number].append(UInt32(tensor))
        }
        for (number, file) in files.enumerated() where positions[number].count < file.directory.count {
            throw fault(file.directory.name(of: positions[number].count), file, "the file holds the tensor, but the first file of the set does not list it")
        }
    }

    private func fault(_ tensor: String, _ file: ContainerFile, _ message: String) -> QAMError {
        QAMError(.malformed, message, at: .init(file: file.bytes.name, section: SectionName.shards.rawValue, tensor: tensor))
    }

    /// Checks the totals of all files together; those of each file have been checked.
    private func checkTotals() throws {
        var totals = TensorTotals()
        do {
            for file in files { try totals.add(elements: file.directory.totals.elements, bytes: file.directory.totals.bytes) }
        } catch var error as QAMError {
            error.place.section = SectionName.shards.rawValue
            throw error
        }
    }

    // MARK: Warnings

    /// Warnings of opening, of all files.
    var warnings: [String] {
        guard isSet else { return first.warnings + [first.loneWarning].compactMap(\.self) }
        return first.warnings
            + files.dropFirst().flatMap { file in
                let name = Path.name(of: file.bytes.name)
                let unused = file.metadata.entries.isEmpty && file.metadata.unreadable.isEmpty && file.directory.files.isEmpty
                return (file.warnings + (unused ? [] : ["metadata and files of a file that is not the first of its set are not used"])).map { "\(name): \($0)" }
            }
    }
}
