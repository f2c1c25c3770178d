package import QAMFormat

/// Maps codecs to their coders.
package enum Coders {
    private static let types: [CodecID: any GroupCoder.Type] = [
        .qamPairs: PairCoder.self,
        .polarPairs: PolarCoder.self,
        .int8Rows: Int8Coder.self,
        .trellis: TrellisCoder.self,
    ]

    /// - Throws: `QAMError.unsupported` for a family that this library only decodes.
    static func type(of family: Code.Family) throws -> any GroupCoder.Type {
        guard let type = types[family.codec] else { throw QAMError(.unsupported, "nothing can be coded with codes of family \(family.name)") }
        return type
    }

    package static func coder(_ code: Code, effort: Effort = .normal) throws -> any GroupCoder { try type(of: code.family).init(code, effort: effort) }
}
