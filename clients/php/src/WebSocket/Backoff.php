<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * How long to wait before the next attempt: at random between nothing and a bound that doubles
 * ("full jitter"). So clients that lost the same server do not come back all at once.
 */
final class Backoff
{
    private int $attempts = 0;

    /**
     * @param float $first   the bound of the first delay, in seconds
     * @param float $longest the bound of every delay, in seconds
     */
    public function __construct(
        private readonly float $first = 0.5,
        private readonly float $longest = 30.0,
    ) {
    }

    /** The next delay in seconds; never shorter than $least, which a server may have asked for. */
    public function next(float $least = 0.0): float
    {
        $bound = min($this->longest, $this->first * 2 ** min($this->attempts++, 30));
        return $least + $bound * random_int(0, 1_000_000) / 1e6;
    }

    /**
     * Does something, after a pause each time, until it succeeds.
     *
     * @template T
     * @param  callable(): T $attempt
     * @param  float         $within  seconds after which the reason of the last failure is thrown
     * @param  float         $least   of the first pause, in seconds
     * @return T
     *
     * @throws HandshakeException at once if the server refuses for a reason that will stay
     */
    public function retry(callable $attempt, float $within, float $least = 0.0): mixed
    {
        $deadline = hrtime(true) / 1e9 + $within;
        while (true) {
            $left = max(0.0, $deadline - hrtime(true) / 1e9);
            usleep((int) (min($left, $this->next($least)) * 1e6));
            $least = 0.0;
            try {
                return $attempt();
            } catch (WebSocketException $failure) {
                $stays = $failure instanceof HandshakeException && !$failure->isTemporary();
                if ($stays || hrtime(true) / 1e9 >= $deadline) {
                    throw $failure;
                }
            }
        }
    }
}
