/// The seeds, starting points and schedules that gave the committed codebooks, found by trial.
enum Recipe {
    /// Solves one codebook.
    static func solve(_ name: Codebook.Name) async -> Codebook {
        switch name {
        case .free(let bits):
            await FreeSolver(bits: bits, starts: freeStarts(bits)).solve()
        case .octant(let bitsPerStep) where bitsPerStep < 8:
            await TrellisSolver(bitsPerStep: bitsPerStep, schedule: trellis(bitsPerStep)).solve()
        case .octant(let bitsPerStep):
            await PlainOctantSolver(bitsPerStep: bitsPerStep, schedule: plain(bitsPerStep)).solve()
        case .polar(let bits):
            await PolarSolver(bits: bits).solve()
        }
    }

    private static func trellis(_ bitsPerStep: Int) -> TrellisSolver.Schedule {
        switch bitsPerStep {
        case 1: .init(seed: 1, steps: 4000, noise: 0.3)
        case 2: .init(seed: 2, steps: 6000, noise: 0.5)
        case 3: .init(seed: 2, steps: 8000, noise: 0.5)
        case 4: .init(seed: 2, steps: 8000, noise: 0.7)
        case 5: .init(seed: 1, steps: 12000, noise: 0.7)
        case 6: .init(seed: 2, steps: 6000, noise: 0.5)
        default: .init(seed: 1, steps: 3000, noise: 1, batch: 1 << 16)
        }
    }

    /// Up to 32 codewords no other starting point was better; from 512 on only the spiral was tried.
    private static func freeStarts(_ bits: Int) -> Int {
        switch bits {
        case 6, 7: 48
        case 8: 24
        default: 1
        }
    }

    private static func plain(_ bitsPerStep: Int) -> PlainOctantSolver.Schedule {
        switch bitsPerStep {
        case 8: .init(sweeps: 6000, hot: 0.12, cold: 0.01, extents: [0.975, 1.0, 1.02])
        case 9: .init(sweeps: 3000, hot: 0.12, cold: 0.01, extents: [0.90, 0.92])
        default: .init(sweeps: 3000, hot: 0.05, cold: 0.005, extents: [0.89, 0.90])
        }
    }
}
