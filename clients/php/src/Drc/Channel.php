<?php

declare(strict_types=1);

namespace Fantail\Drc;

/** A channel that a client has joined; the same object stands for it after a reconnect. */
final class Channel
{
    private Roster $roster;
    private int $number = 0;

    /** @internal */
    public function __construct(
        public readonly string $name,
        public readonly string $protocol,
        #[\SensitiveParameter] private readonly string|\Closure|null $token,
        private readonly bool $byAddress,
    ) {
        $this->roster = new Roster();
    }

    /** The number that the server gave it, which is another after a reconnect. */
    public function number(): int
    {
        return $this->number;
    }

    /** Whether this client is in it. */
    public function isJoined(): bool
    {
        return $this->roster->channel($this->number) !== null;
    }

    /**
     * Who is in it, as far as this client may know: itself, and the others or the authorities.
     *
     * @return array<int, Member> by id
     */
    public function members(): array
    {
        $clients = $this->roster->clients($this->number);
        $ids = array_keys($clients);
        return array_combine($ids, array_map(Member::of(...), $ids, $clients));
    }

    /** One of them; null if it is not there, or not known. */
    public function member(int $id): ?Member
    {
        $info = $this->roster->clients($this->number)[$id] ?? null;
        return $info === null ? null : Member::of($id, $info);
    }

    /** This client in it. */
    public function me(): ?Member
    {
        $id = $this->roster->ownId();
        return $id === null ? null : $this->member($id);
    }

    /** @return list<int> the ids of the authorities */
    public function authorities(): array
    {
        return $this->roster->authorities($this->number);
    }

    /** The id of any authority, to spread work among them; null if there is none. */
    public function randomAuthority(): ?int
    {
        $authorities = $this->authorities();
        return $authorities === [] ? null : $authorities[random_int(0, count($authorities) - 1)];
    }

    /** @internal */
    public function request(): Request
    {
        $token = $this->token instanceof \Closure ? ($this->token)() : $this->token;
        return Request::join($this->name, $this->protocol, $token, $this->byAddress);
    }

    /** @internal */
    public function joinedAs(int $number, Roster $roster): void
    {
        $this->number = $number;
        $this->roster = $roster;
    }
}
