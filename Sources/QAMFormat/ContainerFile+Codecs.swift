extension ContainerFile {
    /// Opens a file on its own and validates its coded tensors with their codecs. Throws errors in the content, with the file's name, and errors from reading.
    package convenience init(_ bytes: any ByteSource, verifiesPayload: Bool = false, limits: Limits = Limits()) throws {
        try self.init(bytes, verifiesPayload: verifiesPayload, limits: limits, codecs: Self.undecodable)
    }

    /// Checks all coded tensors, one of each form. Returns a warning for each tensor that cannot be read.
    private static func undecodable(_ directory: StoredDirectory, _ shared: SharedTables) throws -> [String] {
        var validator = CodingValidator(shared: shared)
        var unknown: [Int: String] = [:]
        for (number, form) in directory.forms.enumerated() {
            if case .unreadable(let reason) = form.storage { unknown[number] = "cannot be read: this program does not know its \(reason)" }
            guard case .coded(let coding) = form.storage else { continue }
            if try !validator.isDecodable(directory.descriptor(form.first)) { unknown[number] = CodingValidator.reason(coding.codec) }
        }
        if unknown.isEmpty { return [] }
        return (0..<directory.count).compactMap { tensor in
            unknown[directory.formNumber(of: tensor)].map { "tensor \"\(directory.name(of: tensor))\" \($0)" }
        }
    }
}
