#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Solves and measures the codec's codebooks.
///
///     codebook-solver OUTDIR [NAME...]     solves free-4 ... free-13, octant-1 ... octant-10 and polar-4 ... polar-13, or the named ones
///     codebook-solver --measure FILE...    measures codebook files on fresh Gaussian samples
@main
struct CodebookSolverCommand {
    struct UsageError: Error, CustomStringConvertible {
        let description: String
    }

    static func main() async {
        do {
            let arguments = CommandLine.arguments.dropFirst()
            guard let first = arguments.first else {
                throw UsageError(description: "usage: codebook-solver OUTDIR [NAME...] | --measure FILE...")
            }
            if first == "--measure" {
                try await measure(files: arguments.dropFirst())
            } else {
                try await solve(names: arguments.dropFirst(), directory: first)
            }
        } catch {
            print("codebook-solver: \(error)")
            exit(1)
        }
    }

    private static func measure(files: ArraySlice<String>) async throws {
        for file in files {
            guard let codebook = Codebook(fileContents: try FileAccess.read(file)) else {
                throw UsageError(description: "\(file) is not a codebook")
            }
            await report(codebook, seconds: nil)
        }
    }

    /// Solves up to two codebooks concurrently: the trellis relaxation is sequential.
    private static func solve(names: ArraySlice<String>, directory: String) async throws {
        var queue: [Codebook.Name] = []
        for text in names {
            guard let name = Codebook.Name(text) else {
                throw UsageError(description: "there is no codebook \(text)")
            }
            queue.append(name)
        }
        if queue.isEmpty { queue = Codebook.Name.all }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, name) in queue.enumerated() {
                if index >= 2 { try await group.next() }
                group.addTask { try await solve(name, directory: directory) }
            }
            try await group.waitForAll()
        }
    }

    private static func solve(_ name: Codebook.Name, directory: String) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let codebook = await Recipe.solve(name)
        let seconds = (clock.now - start) / .seconds(1)
        try FileAccess.replace("\(directory)/\(name.fileName).bin", with: codebook.fileContents)
        await report(codebook, seconds: seconds)
    }

    /// Prints name, bits per weight, mean squared error and the solver's time.
    private static func report(_ codebook: Codebook, seconds: Double?) async {
        let error = await Measurement.meanSquaredError(of: codebook)
        let time = seconds.map { " \(Int($0.rounded())) s" } ?? ""
        print("\(codebook.name.fileName) \(codebook.name.bitsPerWeight) bits MSE \(Float(error))\(time)")
        fflush(nil)
    }
}
