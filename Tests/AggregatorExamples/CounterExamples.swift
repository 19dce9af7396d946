/// Counters.
enum CounterExamples {
    static var all: [WorkedExample] {
        [example1, example2, example3, example4, example5, example6, example7, example8]
    }

    private static let example1 = WorkedExample(
        "16.1", "a window is published once after its end",
        """
        1000 counter c 5
        1003.5 counter c -2
        1009.999 counter c 10
        1009.9999 flush
        1010 counter c 1
        1010 flush
        -> c @1010 = 13
        1019.9 flush
        1020 flush
        -> c @1020 = 1
        1030 flush
        """)

    private static var example2: WorkedExample {
        let types = "Min,Max,Mean,Count,Sum,SumSq,Stdev"
        let values = [2, 4, 4, 4, 5, 5, 7, 9].enumerated().map {
            "\(1000 + $0.offset) counter c \($0.element) : \(types)"
        }
        return WorkedExample(
            "16.2", "types come in the order of their ids",
            values.joined(separator: "\n") + """

                1010 flush
                -> c @1010 = 2
                -> c @1010 = 9
                -> c @1010 = 5
                -> c @1010 = 8
                -> c @1010 = 40
                -> c @1010 = 232
                -> c @1010 = 2.138089935299395
                """)
    }

    private static let example3 = WorkedExample(
        "16.3", "sums wrap around",
        """
        1000 counter c 9223372036854775807 : Max,Mean,Sum
        1001 counter c 1 : Max,Mean,Sum
        1010 flush
        -> c @1010 = 9.223372036854776e+18
        -> c @1010 = -4.611686018427388e+18
        -> c @1010 = -9.223372036854776e+18
        """)

    private static var example4: WorkedExample {
        let metadata = "Sum on 10s:2d,1m:40d | Max on 10s:2d | Sum on 10s:2d"
        return WorkedExample(
            "16.4", "repeated pipelines add nothing",
            """
            1000 counter c 5 : \(metadata)
            1010 flush
            -> c @1010 = 5
            -> c @1010 = 5
            1015 counter c 7 : \(metadata)
            1020 flush
            -> c @1020 = 7
            -> c @1020 = 7
            -> c @1020 = 12 1m:40d
            """)
    }

    private static let example5 = WorkedExample(
        "16.5", "the order of policies does not matter",
        """
        1000 counter c 5 : Sum on 10s:2d,1m:40d
        1001 counter c 7 : Sum on 1m:40d,10s:2d
        1020 flush
        -> c @1010 = 12
        -> c @1020 = 12 1m:40d
        """)

    private static let example6 = WorkedExample(
        "16.6", "precision is part of a policy",
        """
        1000 counter c 5 : Sum on 1m:2d,1m@1s:2d
        1020 flush
        -> c @1020 = 5 1m:2d
        -> c @1020 = 5 1m@1s:2d
        """)

    private static let example7 = WorkedExample(
        "16.7", "windows of a second and of an hour",
        """
        1700000000.25 counter c 5 : Sum on 1s:2d,1h:30d
        1700000001 flush
        -> c @1700000001 = 5 1s:2d
        1700002800 flush
        -> c @1700002800 = 5 1h:30d
        """)

    private static let example8 = WorkedExample(
        "16.8", "windows are aligned from the year one",
        """
        1700000000 counter c 1 : Sum on 7s:2d
        1700000003.9 flush
        1700000004 flush
        -> c @1700000004 = 1 7s:2d
        """)
}
