/// Windows that are published again when late values change them.
enum ResendExamples {
    static var all: [WorkedExample] {
        [example45, example45b, example45c, example45d, example46, example47, example48]
    }

    private static var example45: WorkedExample {
        let metadata = "Last do Increase r(Sum) Reset resend"
        return WorkedExample(
            "16.45", "late values change a rollup", options: WorkedExample.oneShard,
            """
            1002 gauge a 10 ct 1002 : \(metadata)
            1003 gauge b 100 ct 1003 : \(metadata)
            1012 gauge a 15 ct 1012 : \(metadata)
            1013 gauge b 130 ct 1013 : \(metadata)
            1020 flush
            => r gauge @1010 = 10 100 | from 0 stage 1 version 0 prev 0 0
            => r gauge @1020 = 5 30 | from 0 stage 1 version 0 prev 0 0
            1025 gauge a 12 ct 1009 : \(metadata)
            1030 flush
            => r gauge @1010 = 12 | from 0 stage 1 version 1 prev 10
            => r gauge @1020 = 3 | from 0 stage 1 version 1 prev 5
            1085 flush
            -> r @1010 = 112
            -> r @1015 = 0
            1095 flush
            -> r @1020 = 33
            -> r @1025 = 0
            """)
    }

    private static var example45b: WorkedExample {
        let metadata = "Last do PerSecond resend"
        return WorkedExample(
            "16.45b", "a first zero is not taken for a change",
            """
            1001 gauge g 100 ct 1001 : \(metadata)
            1011 gauge g 50 ct 1011 : \(metadata)
            1020 flush
            1021 gauge g 100 ct 1012 : \(metadata)
            1030 flush
            1031 gauge g 110 ct 1013 : \(metadata)
            1040 flush
            -> g @1020 = 1
            """)
    }

    private static var example45c: WorkedExample {
        let metadata = "Last do r(Sum) resend"
        return WorkedExample(
            "16.45c", "a new leader starts with version zero", options: WorkedExample.oneShard,
            """
            1001 gauge a 100 ct 1001 : \(metadata)
            1010 discard
            1010 forwarded gauge r 100 at 1010 from 0 stage 1 prev 0 : Sum resend
            1012 gauge a 7 ct 1005 : \(metadata)
            1020 flush
            => r gauge @1010 = 7 | from 0 stage 1 version 0 prev 100
            1085 flush
            -> r @1010 = 100
            """)
    }

    private static let example45d = WorkedExample(
        "16.45d", "a running total gets the whole window again",
        """
        1001 counter c 5 ct 1001 : Sum do Add resend
        1010 flush
        -> c @1010 = 5
        1011 counter c 2 ct 1003 : Sum do Add resend
        1020 flush
        -> c @1010 = 12
        """)

    private static let example46 = WorkedExample(
        "16.46", "sums that grow late",
        """
        1002 counter a 10 ct 1002 : Sum resend
        1010 flush
        -> a @1010 = 10
        1015 counter a 5 ct 1003 : Sum resend
        1020 flush
        -> a @1010 = 15
        1016 counter a 0 ct 1004 : Sum resend
        1030 flush
        1031 counter a 1 : Sum resend
        1031 counter a 7 ct 900 : Sum resend
        !! too_far_in_past
        1031 counter a 7 ct 1100 : Sum resend
        !! too_far_in_future
        1040 flush
        -> a @1040 = 1
        """)

    private static var example47: WorkedExample {
        let metadata = "Last do PerSecond resend"
        return WorkedExample(
            "16.47", "rates of both sides change",
            """
            1001 gauge g 10 ct 1001 : \(metadata)
            1011 gauge g 30 ct 1011 : \(metadata)
            1021 gauge g 60 ct 1021 : \(metadata)
            1030 flush
            -> g @1020 = 2
            -> g @1030 = 3
            1031 gauge g 20 ct 1019 : \(metadata)
            1040 flush
            -> g @1020 = 1
            -> g @1030 = 4
            1041 gauge g 12 ct 1008 : \(metadata)
            1050 flush
            -> g @1020 = 0.8
            1078 gauge g 13 ct 1009 : \(metadata)
            1079.9 flush
            -> g @1020 = 0.7
            1080 flush
            1079 gauge g 14 ct 1009.5 : \(metadata)
            !! window_closed
            1090 flush
            """)
    }

    private static let example48 = WorkedExample(
        "16.48", "the last metadata of a window counts",
        """
        1000 counter a 1 : Sum
        1001 counter a 2 ct 1001 : Sum resend routing 6
        1002 counter a 4 : Sum
        1010 flush
        -> a @1010 = 7
        """)
}
