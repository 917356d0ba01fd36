<?php

declare(strict_types=1);

namespace Fantail\Drc;

use Fantail\WebSocket\Connection;
use Fantail\WebSocket\Options;
use Fantail\WebSocket\TimeoutException;

/**
 * One connection to a Data Relay Center, and what is known through it. Both clients, Client and
 * the one with the old names, are made of it.
 *
 * Whatever comes is learned from at once, and handed out once and in order: as the answer that is
 * waited for, or by receive().
 *
 * @internal
 */
final class Session
{
    /** The longest message and the longest frame that the protocol's first server could take. */
    public const LONGEST_MESSAGE = 10_000_000;
    public const LONGEST_FRAME = 2_000_000;

    public readonly Roster $roster;
    private readonly Inbox $inbox;

    public function __construct(public readonly Connection $connection)
    {
        $this->roster = new Roster();
        $this->inbox = new Inbox();
    }

    /** How a connection is made unless said otherwise. */
    public static function options(string $origin): Options
    {
        return new Options(
            origin: $origin,
            maxFrame: self::LONGEST_MESSAGE,
            maxMessage: self::LONGEST_MESSAGE,
        );
    }

    /** Sends a request, and takes in what is there. */
    public function send(Request $request): void
    {
        $this->connection->sendText($request->json());
        // Who only sends receives all the same, if only what it sends to everyone itself.
        $this->takeIn();
    }

    /**
     * Sends a request and waits for its answer.
     *
     * @return array<string, mixed>
     *
     * @throws RefusedException if the server says no
     * @throws TimeoutException if it says nothing within $patience seconds
     */
    public function ask(Request $request, float $patience): array
    {
        $this->connection->sendText($request->json());
        $deadline = hrtime(true) / 1e9 + $patience;
        while (true) {
            $left = $deadline - hrtime(true) / 1e9;
            $received = $this->connection->receive($left === INF ? null : max(0.0, $left));
            if ($received === null) {
                throw new TimeoutException("No answer within $patience s.");
            }
            $message = $this->learn($received->payload);
            if ($request->isAnsweredBy($message)) {
                return $message;
            }
            if ($request->isRefusedBy($message)) {
                throw RefusedException::of($message);
            }
            $this->inbox->keep($received->payload);
        }
    }

    /**
     * The next message; null if none comes within $patience seconds.
     *
     * @param  ?float                $patience null: waits for as long as the connection lives
     * @return ?array<string, mixed>
     */
    public function receive(?float $patience): ?array
    {
        $kept = $this->inbox->take();
        if ($kept !== null) {
            return self::decoded($kept);
        }
        $message = $this->connection->receive($patience);
        return $message === null ? null : $this->learn($message->payload);
    }

    /** Takes in what is there, without waiting. */
    public function takeIn(): void
    {
        while (($message = $this->connection->receive(0.0)) !== null) {
            $this->learn($message->payload);
            $this->inbox->keep($message->payload);
        }
    }

    /** Whether receive() has something at once. */
    public function hasMessage(): bool
    {
        return !$this->inbox->isEmpty() || $this->connection->hasMessage();
    }

    /**
     * Takes out what the server has refused, of all that came and was not received.
     *
     * @return list<RefusedException>
     */
    public function takeRefusals(): array
    {
        $refusals = [];
        $rest = [];
        while (($message = $this->inbox->take()) !== null) {
            $decoded = self::decoded($message);
            if (($decoded['success'] ?? false) === true) {
                $rest[] = $message;
            } else {
                $refusals[] = RefusedException::of($decoded);
            }
        }
        array_map($this->inbox->keep(...), $rest);
        return $refusals;
    }

    /** How many messages had to be forgotten because nobody received them. */
    public function forgotten(): int
    {
        return $this->inbox->forgotten();
    }

    /** @return array<string, mixed> */
    private function learn(string $payload): array
    {
        $message = self::decoded($payload);
        $this->roster->learn($message);
        return $message;
    }

    /** @return array<string, mixed> */
    private static function decoded(string $payload): array
    {
        $message = json_decode($payload, true, 512, JSON_BIGINT_AS_STRING);
        return is_array($message) ? $message : [
            'success' => false,
            'error' => 'The server sent something that is not JSON.',
            'errorcode' => 'invalid_packet',
        ];
    }
}
