package import QAMFormat

/// The transform of rows before coding, and its inverse for the inputs that they are multiplied by: channel scales and, for some codes, a rotation.
package struct RowTransform: Hashable, Sendable {
    package let columns: Int
    package let rotation: Rotation?
    /// A positive factor for each column, as a reader will decode it, or nil.
    package let channelScales: [Float]?

    package init(columns: Int, rotation: Rotation?, channelScales: [Float]? = nil) {
        self.columns = columns
        self.rotation = rotation
        self.channelScales = channelScales
    }

    /// The rotation, for codes that require one.
    ///
    /// - Throws: `QAMError.invalidArgument` if there is none.
    func requiredRotation() throws -> Rotation {
        guard let rotation else { throw QAMError(.invalidArgument, "rows are coded without the rotation that their code takes") }
        return rotation
    }

    func scale(_ row: inout [Float], _ kernels: Kernels) {
        if let channelScales { kernels.multiply(&row, by: channelScales) }
    }

    /// Turns a scaled row into coordinates: divides by its gain and rotates.
    func rotate(_ row: inout [Float], gain: Float, _ kernels: Kernels) {
        if let rotation { return kernels.rotate(&row, by: rotation, inverseGain: 1 / Double(gain)) }
        for column in row.indices { row[column] /= gain }
    }
}
